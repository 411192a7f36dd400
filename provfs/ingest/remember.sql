-- What the log that is attached as `older` knows of the content of files. Leaves: remembered.
INSERT INTO remembered
SELECT a.uri, s.fingerprint, any_value(v.digest)
FROM older.store.sightings s
JOIN older.store.versions v ON v.version_id = s.version_id
JOIN older.store.artifacts a ON a.artifact_id = s.artifact_id
WHERE v.digest IS NOT NULL AND s.fingerprint IS NOT NULL
GROUP BY a.uri, s.fingerprint;
