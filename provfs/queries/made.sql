-- The versions that one program wrote, as outputs of a comparison.
SELECT v.uri, v.ordinal, v.kind, v.digest, v.version_id
FROM versions v JOIN executions e ON e.execution_id = v.execution_id
WHERE e.program_id = ? ORDER BY v.uri, v.ordinal;
