-- All versions of the named artifact, oldest first, with what wrote each.
SELECT
    h.ordinal, h.uri, h.digest, h.size_bytes, h.origin, h.created_at, h.ended_at, h.execution_id, h.command,
    h.complete, h.version_id, e.user_name, e.host, e.code_uri, e.code_digest, e.git_commit
FROM history(?) h
LEFT JOIN executions e ON e.execution_id = h.execution_id
ORDER BY h.ordinal;
