-- What one program wrote and left.
SELECT v.uri, v.ordinal, v.digest, v.fingerprint, v.size_bytes, v.version_id, v.ended_at IS NULL AS is_current
FROM versions v JOIN executions e ON e.execution_id = v.execution_id
WHERE e.program_id = ? ORDER BY v.uri, v.ordinal;
