-- The versions that one program read and did not write itself, as inputs of a comparison.
SELECT DISTINCT v.uri, v.ordinal, v.kind, v.digest, v.version_id
FROM accesses a JOIN versions v ON v.version_id = a.version_id
WHERE a.program_id = ? AND a.mode = 'read'
    AND a.version_id NOT IN (SELECT version_id FROM store.writes WHERE program_id = ?)
ORDER BY v.uri, v.ordinal;
