-- One round of renames: those whose source no earlier rename of this batch still has to bring. Reads and
-- shrinks: moves; reads: made. A file may be moved while it is still open for writing. A version that its own program moves goes along; any other leaves a version behind.
CREATE OR REPLACE TEMP TABLE moving AS
SELECT m.*, stem_of(m.fingerprint) AS stem
FROM moves m
ANTI JOIN moves e ON e.target_id = m.source_id AND e.at_ns < m.at_ns;

DELETE FROM moves WHERE row_id IN (SELECT row_id FROM moving);

CREATE OR REPLACE TEMP TABLE placed AS
SELECT
    s.version_id, s.artifact_id, coalesce(m.opened_ns, s.at_ns) AS at_ns,
    stem_of(s.fingerprint) AS stem
FROM store.sightings s
LEFT JOIN made m ON m.version_id = s.version_id AND m.artifact_id = s.artifact_id
WHERE s.artifact_id IN (SELECT source_id FROM moving);

-- A version whose state is not known is the one that was moved only where nothing was there after it.
CREATE OR REPLACE TEMP TABLE moved AS
SELECT
    * EXCLUDE (placed_id, placed_stem, placed_ns, last_ns),
    arg_max(placed_id, (coalesce(placed_stem = stem, false), placed_ns, placed_id)) AS version_id
FROM (
    SELECT
        m.*, p.version_id AS placed_id, p.stem AS placed_stem, p.at_ns AS placed_ns,
        max(p.at_ns) OVER (PARTITION BY m.row_id) AS last_ns
    FROM moving m JOIN placed p ON p.artifact_id = m.source_id AND p.at_ns <= m.at_ns
)
WHERE placed_stem = stem OR stem IS NULL OR (placed_stem IS NULL AND placed_ns = last_ns)
GROUP BY ALL;

-- Moved without having been seen before: it existed under the old name.
INSERT INTO moved
SELECT m.*, (SELECT coalesce(max(version_id), 0) FROM store.versions) + row_number() OVER (ORDER BY m.at_ns, m.row_id)
FROM moving m WHERE m.row_id NOT IN (SELECT row_id FROM moved) AND m.fingerprint IS NOT NULL;

CREATE OR REPLACE TEMP TABLE unseen AS
SELECT * FROM moved WHERE version_id > (SELECT coalesce(max(version_id), 0) FROM store.versions);

INSERT INTO store.versions
SELECT
    u.version_id, u.source_id,
    (SELECT any_value(a.digest) FROM arrived a WHERE a.artifact_id = u.source_id AND a.fingerprint = u.fingerprint),
    try_cast(nullif(split_part(u.fingerprint, ':', 4), '') AS BIGINT), u.fingerprint, 'observed',
    least(u.at_ns, coalesce(try_cast(split_part(u.fingerprint, ':', 6) AS BIGINT), u.at_ns)), NULL, true, false
FROM unseen u ORDER BY u.version_id;

INSERT INTO store.sightings SELECT version_id, source_id, fingerprint, at_ns FROM unseen;

INSERT INTO emerged SELECT version_id FROM unseen;

CREATE OR REPLACE TEMP TABLE fates AS
SELECT
    m.*, v.digest, v.size_bytes, v.complete, v.execution_id AS writer_id,
    e.program_id IS NOT NULL AND e.program_id IS NOT DISTINCT FROM m.program_id AND v.artifact_id = m.source_id
        AND row_number() OVER (PARTITION BY m.version_id ORDER BY m.at_ns, m.row_id) = 1 AS goes_along,
    (SELECT max(version_id) FROM store.versions) + row_number() OVER (ORDER BY m.at_ns, m.row_id) AS new_id
FROM moved m
JOIN store.versions v ON v.version_id = m.version_id
LEFT JOIN store.executions e ON e.execution_id = v.execution_id;

UPDATE store.versions AS v SET artifact_id = f.target_id, origin = 'renamed', created_ns = f.at_ns
FROM fates f WHERE f.version_id = v.version_id AND f.goes_along;

INSERT INTO store.versions
SELECT new_id, target_id, digest, size_bytes, fingerprint, 'renamed', at_ns, writer_id, complete, false
FROM fates WHERE NOT goes_along ORDER BY new_id;

INSERT INTO store.endings SELECT version_id, at_ns FROM fates WHERE NOT goes_along;

-- What was under the old name before the version that was moved is not there any more either.
INSERT INTO store.endings
SELECT v.version_id, min(f.at_ns)
FROM fates f
JOIN store.versions v ON v.artifact_id = f.source_id AND v.created_ns <= f.at_ns AND v.version_id <> f.version_id
GROUP BY v.version_id;

INSERT INTO store.links
SELECT version_id, new_id, execution_id, 'rename', 1.0, at_ns, at_ns FROM fates WHERE NOT goes_along;

INSERT INTO passed SELECT version_id, new_id FROM fates WHERE NOT goes_along;

INSERT INTO store.sightings
SELECT CASE WHEN goes_along THEN version_id ELSE new_id END, target_id, stem, at_ns FROM fates;

INSERT INTO store.changes
SELECT at_ns, source_id, 'renamed', version_id, execution_id, channel FROM fates;

-- What was found under the new name before it was known that something had been moved there.
CREATE OR REPLACE TEMP TABLE folded AS
SELECT o.version_id AS old_id, arg_max(CASE WHEN f.goes_along THEN f.version_id ELSE f.new_id END, (f.at_ns, f.row_id)) AS version_id
FROM fates f
JOIN (SELECT * FROM store.sightings WHERE artifact_id IN (SELECT target_id FROM fates)) s
    ON s.artifact_id = f.target_id AND s.at_ns >= f.at_ns AND stem_of(s.fingerprint) = f.stem
JOIN store.versions o
    ON o.version_id = s.version_id AND o.artifact_id = f.target_id AND o.origin = 'observed' AND o.execution_id IS NULL
    AND coalesce(o.digest = f.digest, true)
WHERE o.version_id <> f.version_id
GROUP BY o.version_id;
