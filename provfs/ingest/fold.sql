-- Versions that turned out to be others: all that was said of them is said of those. Reads: folded. Reads and
-- rewrites: former, passed. Adds to: emerged.
INSERT INTO former
SELECT f.version_id, a.place_id
FROM folded f JOIN store.versions o ON o.version_id = f.old_id JOIN store.artifacts a ON a.artifact_id = o.artifact_id;

UPDATE former AS x SET version_id = f.version_id FROM folded f WHERE x.version_id = f.old_id;

UPDATE passed AS x SET from_id = f.version_id FROM folded f WHERE x.from_id = f.old_id;

UPDATE passed AS x SET to_id = f.version_id FROM folded f WHERE x.to_id = f.old_id;

UPDATE store.reads AS x SET version_id = f.version_id FROM folded f WHERE x.version_id = f.old_id;

UPDATE store.writes AS x SET version_id = f.version_id FROM folded f WHERE x.version_id = f.old_id;

UPDATE store.sightings AS x SET version_id = f.version_id FROM folded f WHERE x.version_id = f.old_id;

UPDATE store.endings AS x SET version_id = f.version_id FROM folded f WHERE x.version_id = f.old_id;

UPDATE store.changes AS x SET version_id = f.version_id FROM folded f WHERE x.version_id = f.old_id;

UPDATE store.links AS x SET input_version_id = f.version_id FROM folded f WHERE x.input_version_id = f.old_id;

UPDATE store.links AS x SET output_version_id = f.version_id FROM folded f WHERE x.output_version_id = f.old_id;

DELETE FROM store.links WHERE input_version_id = output_version_id AND input_version_id IN (SELECT version_id FROM folded);

UPDATE store.versions AS v SET digest = coalesce(v.digest, o.digest), size_bytes = coalesce(v.size_bytes, o.size_bytes)
FROM folded f JOIN store.versions o ON o.version_id = f.old_id
WHERE v.version_id = f.version_id;

DELETE FROM store.versions WHERE version_id IN (SELECT old_id FROM folded);

DELETE FROM emerged WHERE version_id IN (SELECT old_id FROM folded);

INSERT INTO emerged SELECT DISTINCT version_id FROM folded;
