-- Who read one version.
SELECT
    s.execution_id, e.command, e.user_name, e.host, min(s.opened_at) AS opened_at, sum(s.opens)::BIGINT AS opens
FROM (SELECT * FROM accesses WHERE version_id = ? AND mode = 'read') s
LEFT JOIN executions e ON e.execution_id = s.execution_id
GROUP BY ALL
ORDER BY opened_at;
