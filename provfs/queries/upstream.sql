-- Every version that the named one depends on, nearest first, with the execution that links it.
SELECT
    u.depth, u.uri, v.ordinal, v.kind, u.digest, u.rule, u.confidence, u.via_execution, e.command,
    e.code_uri, e.code_digest, e.git_commit, u.version_id, v.size_bytes, v.created_at, v.complete
FROM upstream(?) u
JOIN versions v ON v.version_id = u.version_id
LEFT JOIN executions e ON e.execution_id = u.via_execution
ORDER BY u.depth, u.uri, v.ordinal;
