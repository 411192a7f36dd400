-- Reads whose fingerprint was not known: the same content as just before is the same version (its times were
-- touched), if that had not been moved or removed meanwhile; other content is a version that nobody was seen to
-- write. Reads: arrived, removals. Leaves: arrived.version_id; adds to emerged.
CREATE OR REPLACE TEMP TABLE placed AS
SELECT s.version_id, s.artifact_id, s.at_ns, v.digest, v.artifact_id = s.artifact_id AS is_here, d.ended_ns
FROM (
    SELECT * FROM store.sightings
    WHERE artifact_id IN (SELECT artifact_id FROM arrived WHERE mode = 'read' AND version_id IS NULL)
) s
JOIN store.versions v ON v.version_id = s.version_id
LEFT JOIN (SELECT version_id, min(ended_ns) AS ended_ns FROM store.endings GROUP BY version_id) d
    ON d.version_id = s.version_id;

CREATE OR REPLACE TEMP TABLE recognised AS
SELECT t.row_id, t.artifact_id, t.opened_ns, t.fingerprint, p.version_id
FROM (
    SELECT * FROM arrived
    WHERE mode = 'read' AND version_id IS NULL AND artifact_id IN (SELECT artifact_id FROM placed)
) t
ASOF JOIN placed p ON p.artifact_id = t.artifact_id AND p.at_ns <= t.opened_ns
WHERE p.is_here AND (p.ended_ns IS NULL OR p.ended_ns > t.opened_ns)
    AND NOT EXISTS (FROM removals d WHERE d.artifact_id = t.artifact_id AND d.at_ns BETWEEN p.at_ns AND t.opened_ns)
    AND (p.digest = t.digest OR (t.digest IS NULL AND t.fingerprint IS NULL));

INSERT INTO store.sightings
SELECT version_id, artifact_id, fingerprint, min(opened_ns)
FROM recognised WHERE fingerprint IS NOT NULL GROUP BY ALL;

UPDATE arrived SET version_id = r.version_id FROM recognised r WHERE r.row_id = arrived.row_id;

-- One state per fingerprint.
CREATE OR REPLACE TEMP TABLE states AS
SELECT
    artifact_id, coalesce(fingerprint, digest, '') AS state, any_value(fingerprint) AS fingerprint,
    any_value(digest) AS digest, any_value(size_bytes) AS size_bytes, min(opened_ns) AS opened_ns
FROM arrived WHERE mode = 'read' AND version_id IS NULL
GROUP BY artifact_id, state;

-- Neighbouring states with equal digests, between which no known version stood, are one version.
CREATE OR REPLACE TEMP TABLE several AS
SELECT artifact_id FROM states GROUP BY artifact_id HAVING count(*) > 1;

CREATE OR REPLACE TEMP TABLE neighbours AS
SELECT *, sum(begins::BIGINT) OVER (PARTITION BY artifact_id ORDER BY opened_ns, state) AS place
FROM (
    SELECT
        t.*, t.digest IS NULL OR t.digest IS DISTINCT FROM lag(t.digest) OVER earlier
            OR coalesce(p.at_ns > lag(t.opened_ns) OVER earlier, false)
            OR coalesce(d.at_ns >= lag(t.opened_ns) OVER earlier, false) AS begins
    FROM (SELECT * FROM states WHERE artifact_id IN (FROM several)) t
    ASOF LEFT JOIN placed p ON p.artifact_id = t.artifact_id AND p.at_ns <= t.opened_ns
    ASOF LEFT JOIN removals d ON d.artifact_id = t.artifact_id AND d.at_ns <= t.opened_ns
    WINDOW earlier AS (PARTITION BY t.artifact_id ORDER BY t.opened_ns, t.state)
);

CREATE OR REPLACE TEMP MACRO since(fingerprint_, opened_ns_) AS
    least(opened_ns_, coalesce(try_cast(nullif(split_part(fingerprint_, ':', 6), '') AS BIGINT), opened_ns_));

-- The first state of each version; its place among them gives the version its number.
CREATE OR REPLACE TEMP TABLE begun AS
SELECT artifact_id, 1 AS place, fingerprint, digest, size_bytes, since(fingerprint, opened_ns) AS created_ns, opened_ns, state
FROM states WHERE artifact_id NOT IN (FROM several)
UNION ALL
SELECT
    artifact_id, place, arg_min(fingerprint, (opened_ns, state)), any_value(digest), any_value(size_bytes),
    min(since(fingerprint, opened_ns)), min(opened_ns), arg_min(state, (opened_ns, state))
FROM neighbours GROUP BY artifact_id, place
ORDER BY artifact_id, opened_ns, state;

-- Rows that this transaction has made are not numbered from 0.
CREATE OR REPLACE TEMP TABLE numbered AS
SELECT (SELECT coalesce(max(version_id), 0) FROM store.versions) + 1 + rowid - (SELECT min(rowid) FROM begun) AS version_id, *
FROM begun;

INSERT INTO store.versions
SELECT version_id, artifact_id, digest, size_bytes, fingerprint, 'observed', created_ns, NULL, true, false
FROM numbered ORDER BY version_id;

CREATE OR REPLACE TEMP TABLE observed AS
SELECT version_id, artifact_id, state, fingerprint, opened_ns FROM numbered WHERE artifact_id NOT IN (FROM several)
UNION ALL
SELECT b.version_id, n.artifact_id, n.state, n.fingerprint, n.opened_ns
FROM neighbours n JOIN numbered b ON b.artifact_id = n.artifact_id AND b.place = n.place;

INSERT INTO store.sightings SELECT version_id, artifact_id, fingerprint, opened_ns FROM observed;

INSERT INTO emerged SELECT DISTINCT version_id FROM observed;

-- What was seen at the name before, as by the rename of its directory, was there before, whatever the clock of the
-- filesystem says of the file.
UPDATE store.versions AS v SET created_ns = f.opened_ns
FROM (
    SELECT n.version_id, n.opened_ns
    FROM numbered n
    ASOF JOIN (SELECT * FROM placed WHERE is_here) p ON p.artifact_id = n.artifact_id AND p.at_ns <= n.opened_ns
    WHERE p.at_ns >= n.created_ns
) f
WHERE v.version_id = f.version_id;

UPDATE arrived SET version_id = o.version_id
FROM observed o
WHERE arrived.mode = 'read' AND arrived.version_id IS NULL AND o.artifact_id = arrived.artifact_id
    AND o.state = coalesce(arrived.fingerprint, arrived.digest, '');
