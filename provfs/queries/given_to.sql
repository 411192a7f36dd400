-- What one program read and did not write itself.
SELECT DISTINCT a.uri, v.digest, v.fingerprint
FROM store.reads r
JOIN store.versions v ON v.version_id = r.version_id AND NOT v.scratch
JOIN store.artifacts a ON a.artifact_id = v.artifact_id
WHERE r.program_id = ? AND r.version_id NOT IN (SELECT version_id FROM store.writes WHERE program_id = ?)
ORDER BY a.uri, v.digest;
