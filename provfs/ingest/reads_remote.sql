-- Which version of an object in a storage each read met. An ETag comes back with its content, so that time decides; and
-- whoever writes may not be told the state of what was stored: the first state that is met then, with nothing known
-- against it, is that of the last version. Reads: arrived, made, removals. Leaves: arrived.version_id.
-- A copy in a cache is of the last version before it was first read that had its content; later ones may be older than
-- their origin.
CREATE OR REPLACE TEMP TABLE copied AS
SELECT c.artifact_id, c.fingerprint, c.opened_ns, p.version_id
FROM (
    SELECT artifact_id, fingerprint, min(opened_ns) AS opened_ns, any_value(digest) AS digest
    FROM arrived WHERE mode = 'read' AND version_id IS NULL AND starts_with(fingerprint, 'copy:') GROUP BY ALL
) c
ASOF JOIN (
    SELECT s.version_id, s.artifact_id, s.at_ns, v.digest
    FROM store.sightings s JOIN store.versions v ON v.version_id = s.version_id AND v.artifact_id = s.artifact_id
) p ON p.artifact_id = c.artifact_id AND p.digest = c.digest AND p.at_ns <= c.opened_ns;

INSERT INTO store.sightings SELECT version_id, artifact_id, fingerprint, opened_ns FROM copied;

UPDATE arrived SET version_id = c.version_id
FROM copied c
WHERE arrived.mode = 'read' AND arrived.version_id IS NULL AND c.artifact_id = arrived.artifact_id
    AND c.fingerprint = arrived.fingerprint;

CREATE OR REPLACE TEMP TABLE remote AS
SELECT row_id, artifact_id, fingerprint, digest, size_bytes, opened_ns FROM arrived
WHERE mode = 'read' AND (digest IS NOT NULL OR fingerprint IS NOT NULL)
    AND (fingerprint IS NULL OR fingerprint[1:5] IN ('etag:', 'versi'));

CREATE OR REPLACE TEMP TABLE placed AS
SELECT
    s.version_id, s.artifact_id, s.fingerprint, s.at_ns, v.digest, v.size_bytes,
    v.artifact_id <> s.artifact_id
        OR count(s.fingerprint) FILTER (WHERE NOT starts_with(s.fingerprint, 'copy:')) OVER version > 0 AS is_named
FROM store.sightings s JOIN store.versions v ON v.version_id = s.version_id
WHERE s.artifact_id IN (SELECT artifact_id FROM remote)
WINDOW version AS (PARTITION BY s.artifact_id, s.version_id);

-- The last of all versions before the read, where it has no name yet.
CREATE OR REPLACE TEMP TABLE last_placed AS
SELECT r.*, p.version_id, p.at_ns
FROM remote r
ASOF JOIN placed p ON p.artifact_id = r.artifact_id AND p.at_ns <= r.opened_ns
WHERE NOT p.is_named
    AND (p.digest = r.digest OR p.digest IS NULL OR r.digest IS NULL)
    AND (p.size_bytes = r.size_bytes OR p.size_bytes IS NULL OR r.size_bytes IS NULL)
    AND NOT EXISTS (FROM store.endings d WHERE d.version_id = p.version_id AND d.ended_ns <= r.opened_ns)
    AND NOT EXISTS (FROM removals d WHERE d.artifact_id = r.artifact_id AND d.at_ns BETWEEN p.at_ns AND r.opened_ns)
WINDOW readers AS (
    PARTITION BY p.version_id ORDER BY r.opened_ns, r.row_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
QUALIFY (r.fingerprint IS NULL OR r.fingerprint = first_value(r.fingerprint IGNORE NULLS) OVER readers)
    AND (r.digest IS NULL OR r.digest = first_value(r.digest IGNORE NULLS) OVER readers);

INSERT INTO store.sightings
SELECT version_id, artifact_id, fingerprint, min(opened_ns) FROM last_placed WHERE fingerprint IS NOT NULL GROUP BY ALL;

-- What was written under that state counts from its opening: others may read it before its writer has closed. What was
-- only written afterwards is another version; what nobody was seen to write was there before.
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT row_id, arg_max(version_id, (at_ns, version_id)) AS version_id
FROM (
    SELECT row_id, version_id, at_ns FROM last_placed
    UNION ALL
    SELECT r.row_id, p.version_id, p.at_ns
    FROM remote r
    ASOF JOIN (
        SELECT p.* EXCLUDE (at_ns), coalesce(m.opened_ns, p.at_ns) AS at_ns
        FROM placed p LEFT JOIN made m ON m.version_id = p.version_id AND m.artifact_id = p.artifact_id
        WHERE p.fingerprint IS NOT NULL
    ) p ON p.artifact_id = r.artifact_id AND p.fingerprint = r.fingerprint AND p.at_ns <= r.opened_ns
)
GROUP BY row_id;

UPDATE arrived SET version_id = m.version_id
FROM (
    SELECT r.row_id, coalesce(c.version_id, v.version_id) AS version_id
    FROM remote r
    JOIN arrived a ON a.row_id = r.row_id
    LEFT JOIN chosen c ON c.row_id = r.row_id
    LEFT JOIN store.versions v ON v.version_id = a.version_id AND v.origin = 'observed'
) m
WHERE m.row_id = arrived.row_id;
