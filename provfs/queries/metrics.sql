-- The metrics that the writer of one version wrote as well.
SELECT m.version_id
FROM versions m
JOIN versions v ON v.execution_id = m.execution_id
WHERE v.version_id = ? AND m.kind = 'metrics'
ORDER BY m.uri, m.ordinal;
