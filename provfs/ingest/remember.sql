-- What the log that is attached as `older` knows and the journals do not tell: how the clocks of hosts were counted,
-- and the content of files. Leaves: store.boots, remembered.
INSERT INTO store.boots FROM older.store.boots;

INSERT INTO remembered
SELECT a.uri, s.fingerprint, any_value(v.digest)
FROM older.store.sightings s
JOIN older.store.versions v ON v.version_id = s.version_id
JOIN older.store.artifacts a ON a.artifact_id = s.artifact_id
WHERE v.digest IS NOT NULL AND s.fingerprint IS NOT NULL
GROUP BY a.uri, s.fingerprint;
