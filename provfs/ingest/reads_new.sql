-- Reads whose fingerprint was not known: the same content as just before is the same version (its times were
-- touched), if that had not been moved or removed meanwhile; other content is a version that nobody was seen to
-- write. Reads: arrived, removals. Leaves: arrived.version_id; adds to emerged.
CREATE OR REPLACE TEMP TABLE strangers AS
SELECT row_id, artifact_id, opened_ns, fingerprint, digest, size_bytes
FROM arrived WHERE mode = 'read' AND version_id IS NULL;

CREATE OR REPLACE TEMP TABLE placed AS
SELECT s.version_id, s.artifact_id, s.at_ns, v.digest, v.artifact_id = s.artifact_id AS is_here, d.ended_ns
FROM store.sightings s
JOIN store.versions v ON v.version_id = s.version_id
LEFT JOIN (SELECT version_id, min(ended_ns) AS ended_ns FROM store.endings GROUP BY version_id) d
    ON d.version_id = s.version_id
WHERE s.artifact_id IN (SELECT artifact_id FROM strangers);

CREATE OR REPLACE TEMP TABLE recognised AS
SELECT t.row_id, t.artifact_id, t.opened_ns, t.fingerprint, p.version_id
FROM strangers t
ASOF JOIN placed p ON p.artifact_id = t.artifact_id AND p.at_ns <= t.opened_ns
WHERE p.is_here AND (p.ended_ns IS NULL OR p.ended_ns > t.opened_ns)
    AND NOT EXISTS (FROM removals d WHERE d.artifact_id = t.artifact_id AND d.at_ns BETWEEN p.at_ns AND t.opened_ns)
    AND (p.digest = t.digest OR (t.digest IS NULL AND t.fingerprint IS NULL));

INSERT INTO store.sightings
SELECT version_id, artifact_id, fingerprint, min(opened_ns)
FROM recognised WHERE fingerprint IS NOT NULL GROUP BY ALL;

-- One state per fingerprint; neighbouring states with equal digests, between which no known version stood, are one.
CREATE OR REPLACE TEMP TABLE states AS
SELECT
    artifact_id, coalesce(fingerprint, digest, '') AS state, any_value(fingerprint) AS fingerprint,
    any_value(digest) AS digest, any_value(size_bytes) AS size_bytes, min(opened_ns) AS opened_ns
FROM strangers WHERE row_id NOT IN (SELECT row_id FROM recognised)
GROUP BY artifact_id, state;

CREATE OR REPLACE TEMP TABLE observed AS
SELECT
    artifact_id, state, fingerprint, digest, size_bytes, opened_ns,
    (SELECT coalesce(max(version_id), 0) FROM store.versions)
    + sum(begins::BIGINT) OVER (ORDER BY artifact_id, opened_ns, state) AS version_id
FROM (
    SELECT
        t.*, t.digest IS NULL OR t.digest IS DISTINCT FROM lag(t.digest) OVER earlier
            OR coalesce(p.at_ns > lag(t.opened_ns) OVER earlier, false)
            OR coalesce(d.at_ns >= lag(t.opened_ns) OVER earlier, false) AS begins
    FROM states t
    ASOF LEFT JOIN placed p ON p.artifact_id = t.artifact_id AND p.at_ns <= t.opened_ns
    ASOF LEFT JOIN removals d ON d.artifact_id = t.artifact_id AND d.at_ns <= t.opened_ns
    WINDOW earlier AS (PARTITION BY t.artifact_id ORDER BY t.opened_ns, t.state)
);

INSERT INTO store.versions
SELECT
    version_id, any_value(artifact_id), any_value(digest), any_value(size_bytes), arg_min(fingerprint, opened_ns), 'observed',
    min(CASE WHEN changed_ns <= opened_ns THEN changed_ns ELSE opened_ns END), NULL, true, false
FROM (SELECT *, try_cast(nullif(split_part(fingerprint, ':', 6), '') AS BIGINT) AS changed_ns FROM observed)
GROUP BY version_id ORDER BY version_id;

INSERT INTO store.sightings SELECT version_id, artifact_id, fingerprint, opened_ns FROM observed ORDER BY version_id;

INSERT INTO emerged SELECT DISTINCT version_id FROM observed;

UPDATE arrived SET version_id = r.version_id FROM recognised r WHERE r.row_id = arrived.row_id;

UPDATE arrived SET version_id = o.version_id
FROM observed o
WHERE arrived.mode = 'read' AND arrived.version_id IS NULL AND o.artifact_id = arrived.artifact_id
    AND o.state = coalesce(arrived.fingerprint, arrived.digest, '');
