-- Versions for the states of files that nobody is known to have written, before the renames of the batch are applied:
-- what is renamed later in the batch must be there. A state that a rename of the batch has brought waits until after
-- it. The same content as just before is the same version, unless the file was away meanwhile. Reads: told, moves,
-- removals. Adds to: emerged.
CREATE OR REPLACE TEMP TABLE breaks AS
SELECT artifact_id, at_ns FROM removals
UNION ALL SELECT source_id, at_ns FROM moves
UNION ALL SELECT target_id, at_ns FROM moves;

CREATE OR REPLACE TEMP TABLE early AS
SELECT
    artifact_id, fingerprint, any_value(digest) AS digest, any_value(size_bytes) AS size_bytes, min(at_ns) AS at_ns
FROM told t
WHERE kind IN ('created', 'modified', 'observed') AND fingerprint IS NOT NULL
    AND NOT EXISTS (FROM store.sightings s WHERE s.artifact_id = t.artifact_id AND s.fingerprint = t.fingerprint)
    AND NOT EXISTS (
        FROM store.sightings s
        WHERE s.artifact_id = t.artifact_id AND s.fingerprint = stem_of(t.fingerprint)
    )
    AND NOT EXISTS (
        FROM moves m
        WHERE m.target_id = t.artifact_id AND m.at_ns <= t.at_ns
            AND stem_of(m.fingerprint) = stem_of(t.fingerprint)
    )
GROUP BY artifact_id, fingerprint;

-- What stood there before each of them: a version of the log, or the state before.
CREATE OR REPLACE TEMP TABLE stood AS
SELECT s.artifact_id, s.at_ns, s.version_id, v.digest, v.artifact_id = s.artifact_id AS is_here, d.ended_ns
FROM (SELECT * FROM store.sightings WHERE artifact_id IN (SELECT artifact_id FROM early)) s
JOIN store.versions v ON v.version_id = s.version_id
LEFT JOIN (SELECT version_id, min(ended_ns) AS ended_ns FROM store.endings GROUP BY version_id) d
    ON d.version_id = s.version_id;

CREATE OR REPLACE TEMP TABLE sequence AS
SELECT
    e.*, p.version_id AS old_id, p.at_ns AS old_ns, b.at_ns AS break_ns,
    coalesce(p.is_here AND (p.ended_ns IS NULL OR p.ended_ns > e.at_ns) AND p.digest = e.digest, false) AS as_old,
    lag(e.digest) OVER earlier AS before, lag(e.at_ns) OVER earlier AS before_ns
FROM early e
ASOF LEFT JOIN stood p ON p.artifact_id = e.artifact_id AND p.at_ns <= e.at_ns
ASOF LEFT JOIN breaks b ON b.artifact_id = e.artifact_id AND b.at_ns <= e.at_ns
WINDOW earlier AS (PARTITION BY e.artifact_id ORDER BY e.at_ns, e.fingerprint);

CREATE OR REPLACE TEMP TABLE steps AS
SELECT *, NOT (same_old OR same_before) AS begins
FROM (
    SELECT
        *, as_old AND coalesce(break_ns < old_ns, true) AND coalesce(before_ns < old_ns, true) AS same_old,
        digest IS NOT NULL AND coalesce(digest = before, false) AND coalesce(break_ns < before_ns, true)
            AND coalesce(old_ns <= before_ns, true) AS same_before
    FROM sequence
);

CREATE OR REPLACE TEMP TABLE found AS
SELECT
    artifact_id, fingerprint, digest, size_bytes, at_ns, begins AS is_new, same_old, old_id,
    (SELECT coalesce(max(version_id), 0) FROM store.versions)
        + sum(begins::BIGINT) OVER (ORDER BY artifact_id, at_ns, fingerprint) AS new_id, chain
FROM (
    SELECT *, sum((begins OR same_old)::BIGINT) OVER (PARTITION BY artifact_id ORDER BY at_ns, fingerprint) AS chain
    FROM steps
);

-- A state that goes on from the one before is of whatever version that one is of.
CREATE OR REPLACE TEMP TABLE resolved AS
SELECT artifact_id, fingerprint, digest, size_bytes, at_ns, first_value(CASE WHEN same_old THEN old_id ELSE new_id END)
    OVER (PARTITION BY artifact_id, chain ORDER BY at_ns, fingerprint) AS version_id, is_new
FROM found;

INSERT INTO store.versions
SELECT
    version_id, artifact_id, digest, size_bytes, fingerprint, 'observed',
    least(at_ns, coalesce(try_cast(nullif(split_part(fingerprint, ':', 6), '') AS BIGINT), at_ns)), NULL, true, false
FROM resolved WHERE is_new ORDER BY version_id;

INSERT INTO emerged SELECT version_id FROM resolved WHERE is_new;

INSERT INTO store.sightings SELECT version_id, artifact_id, fingerprint, at_ns FROM resolved ORDER BY version_id;
