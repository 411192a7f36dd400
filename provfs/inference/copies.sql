-- Rule copy: equal content under another name. Seen (1.0): the program that wrote it had read the source; the
-- latest such read counts. Not seen (0.7): nobody was seen to write it; the oldest version with this content
-- counts. Empty files prove nothing. Reads: made, arrived, touched, contents. Marks: made.copied. Adds to: passed.
-- A version that its own program moved is as old as it was before.
CREATE OR REPLACE TEMP TABLE alike AS
SELECT
    v.version_id, v.artifact_id, v.digest, v.size_bytes, v.created_ns AS here_ns, v.created_ns,
    v.origin = 'observed' AND v.execution_id IS NULL AS is_unseen
FROM store.versions v JOIN contents c ON c.digest = v.digest AND c.size_bytes = v.size_bytes;

UPDATE alike SET created_ns = least(alike.created_ns, m.at_ns)
FROM (
    SELECT version_id, min(at_ns) AS at_ns
    FROM store.sightings
    WHERE version_id IN (
        SELECT version_id FROM store.versions WHERE origin = 'renamed' AND version_id IN (SELECT version_id FROM alike)
    )
    GROUP BY version_id
) m
WHERE m.version_id = alike.version_id;

-- Writes of earlier batches that a read reaches only now: a source that was closed after its copy; and the writes of
-- which, or of whose source, the content is told only now.
CREATE OR REPLACE TEMP TABLE hashed_late AS
SELECT DISTINCT version_id FROM arrived WHERE mode = 'read' AND opens = 0 AND digest IS NOT NULL;

CREATE OR REPLACE TEMP TABLE revisited AS
SELECT DISTINCT w.version_id, w.execution_id, w.program_id, w.closed_ns
FROM (
    SELECT a.program_id, a.opened_ns, v.version_id, v.digest
    FROM arrived a JOIN alike v ON v.version_id = a.version_id
    WHERE a.mode = 'read'
    UNION ALL
    SELECT r.program_id, r.opened_ns, v.version_id, v.digest
    FROM (SELECT * FROM store.reads WHERE version_id IN (FROM hashed_late)) r
    JOIN alike v ON v.version_id = r.version_id
) r
JOIN alike v ON v.digest = r.digest AND v.version_id <> r.version_id
JOIN store.writes w ON w.version_id = v.version_id AND w.program_id = r.program_id AND r.opened_ns < w.closed_ns
WHERE w.version_id NOT IN (SELECT version_id FROM made)
UNION
SELECT w.version_id, w.execution_id, w.program_id, w.closed_ns
FROM store.writes w
WHERE w.version_id IN (FROM hashed_late) AND w.version_id IN (SELECT version_id FROM alike)
    AND w.version_id NOT IN (SELECT version_id FROM made);

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT m.row_id, m.version_id, m.execution_id, m.program_id, m.closed_ns, v.artifact_id, v.digest, v.size_bytes,
    least(v.here_ns, m.closed_ns) AS created_ns
FROM (
    SELECT row_id, version_id, execution_id, program_id, closed_ns FROM made
    UNION ALL
    SELECT -row_number() OVER (), version_id, execution_id, program_id, closed_ns FROM revisited
) m
JOIN alike v ON v.version_id = m.version_id;

CREATE OR REPLACE TEMP TABLE sources AS
SELECT r.program_id, r.opened_ns, v.version_id, v.artifact_id, v.digest, v.size_bytes, v.created_ns
FROM (SELECT * FROM store.reads WHERE program_id IN (SELECT program_id FROM fresh)) r
JOIN alike v ON v.version_id = r.version_id;

CREATE OR REPLACE TEMP TABLE seen_copies AS
SELECT f.row_id, f.version_id, f.execution_id, f.closed_ns, s.version_id AS source_id, s.opened_ns
FROM fresh f
ASOF JOIN sources s
    ON s.program_id = f.program_id AND s.digest = f.digest AND s.size_bytes = f.size_bytes AND s.opened_ns < f.closed_ns
WHERE s.artifact_id <> f.artifact_id AND s.created_ns < f.created_ns;

-- The latest read of this content was of the output's own name: look at the ones before.
INSERT INTO seen_copies
SELECT f.row_id, f.version_id, any_value(f.execution_id), any_value(f.closed_ns),
    arg_max(s.version_id, (s.opened_ns, s.version_id)), max(s.opened_ns)
FROM fresh f
JOIN sources s
    ON s.program_id = f.program_id AND s.digest = f.digest AND s.size_bytes = f.size_bytes AND s.opened_ns < f.closed_ns
WHERE s.artifact_id <> f.artifact_id AND s.created_ns < f.created_ns
    AND f.row_id NOT IN (SELECT row_id FROM seen_copies)
GROUP BY f.row_id, f.version_id;

UPDATE made SET copied = true WHERE row_id IN (SELECT row_id FROM seen_copies);

UPDATE store.writes AS w SET copied = true
FROM revisited v
WHERE v.version_id = w.version_id AND v.execution_id = w.execution_id
    AND w.version_id IN (SELECT version_id FROM seen_copies);

DELETE FROM store.links
WHERE rule = 'copy' AND confidence = 1 AND output_version_id IN (
    SELECT v.version_id FROM revisited v JOIN seen_copies s ON s.version_id = v.version_id
);

INSERT INTO store.links
SELECT source_id, version_id, execution_id, 'copy', 1.0, opened_ns, closed_ns FROM seen_copies;

INSERT INTO passed SELECT source_id, version_id FROM seen_copies;

-- Which version of a content is the oldest may change with every batch: the unseen copies of all contents that
-- the batch touched are found anew. The oldest one in another artifact is among the oldest of two artifacts.
DELETE FROM store.links
WHERE rule = 'copy' AND confidence < 1 AND output_version_id IN (
    SELECT v.version_id
    FROM (
        SELECT * FROM store.versions
        WHERE version_id IN (SELECT output_version_id FROM store.links WHERE rule = 'copy' AND confidence < 1)
    ) v
    JOIN touched t ON t.digest = v.digest AND t.size_bytes = v.size_bytes
);

CREATE OR REPLACE TEMP TABLE oldest AS
SELECT artifact_id, digest, size_bytes, min(created_ns) AS created_ns, arg_min(version_id, (created_ns, version_id)) AS version_id
FROM alike
GROUP BY artifact_id, digest, size_bytes
QUALIFY row_number() OVER (PARTITION BY digest, size_bytes ORDER BY min(created_ns), arg_min(version_id, (created_ns, version_id))) <= 2;

CREATE OR REPLACE TEMP TABLE unseen_copies AS
SELECT arg_min(s.version_id, (s.created_ns, s.version_id)) AS source_id, a.version_id, min(s.created_ns) AS source_ns,
    any_value(a.created_ns) AS created_ns
FROM alike a
JOIN oldest s
    ON s.digest = a.digest AND s.size_bytes = a.size_bytes AND s.artifact_id <> a.artifact_id AND s.created_ns < a.created_ns
WHERE a.is_unseen
GROUP BY a.version_id;

INSERT INTO store.links SELECT source_id, version_id, NULL, 'copy', 0.7, source_ns, created_ns FROM unseen_copies;

INSERT INTO passed SELECT source_id, version_id FROM unseen_copies;
