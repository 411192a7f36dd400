-- The direct inputs of one version.
SELECT i.uri, i.ordinal, i.kind, i.digest, i.size_bytes, e.rule, e.confidence, e.execution_id, i.version_id
FROM (SELECT * FROM edges WHERE output_version_id = ?) e
JOIN versions i ON i.version_id = e.input_version_id
ORDER BY i.uri, i.ordinal;
