-- A version for every write that left one. Reads: arrived, over (execution_id, ended_ns). Leaves: made. Adds to: late.
-- A file left open by an execution that is over is an incomplete version, closed at its last sign of life.
INSERT INTO arrived
SELECT
    (SELECT coalesce(max(row_id), 0) FROM arrived) + row_number() OVER (), o.execution_id, e.program_id, o.artifact_id,
    'write', o.id, o.opened_ns, greatest(o.opened_ns + 1, x.ended_ns), 1, NULL, NULL, NULL, NULL, NULL, false, false,
    NULL, o.thread, o.context, o.channel, NULL, false
FROM store.openings o
JOIN over x ON x.execution_id = o.execution_id
JOIN store.executions e ON e.execution_id = o.execution_id;

DELETE FROM store.openings WHERE execution_id IN (SELECT execution_id FROM over);

-- A version that was read before its writer's journal arrived is that writer's; the ETag of one that was read before
-- it was written is that of an older one with the same content.
CREATE OR REPLACE TEMP TABLE adopted AS
SELECT a.row_id, max(v.version_id) AS version_id
FROM arrived a
JOIN store.sightings s ON s.artifact_id = a.artifact_id AND s.fingerprint = a.fingerprint
JOIN store.versions v
    ON v.version_id = s.version_id AND v.origin = 'observed' AND v.execution_id IS NULL AND v.fingerprint = a.fingerprint
WHERE a.mode = 'write' AND (starts_with(a.fingerprint, 'stat:') OR s.at_ns >= a.opened_ns)
GROUP BY a.row_id
QUALIFY row_number() OVER (PARTITION BY max(v.version_id) ORDER BY a.row_id) = 1;

CREATE OR REPLACE TEMP TABLE made AS
SELECT
    a.row_id,
    coalesce(
        d.version_id,
        (SELECT coalesce(max(version_id), 0) FROM store.versions)
            + row_number() OVER (PARTITION BY d.version_id IS NULL ORDER BY a.closed_ns, a.row_id)
    ) AS version_id,
    d.version_id IS NULL AS is_new, a.execution_id, a.program_id, a.artifact_id, a.opened_ns, a.closed_ns, a.bytes,
    a.thread, a.context, a.channel, a.digest, a.size_bytes, a.fingerprint, a.complete, a.copy_of, false AS copied
FROM arrived a LEFT JOIN adopted d ON d.row_id = a.row_id
WHERE a.mode = 'write';

INSERT INTO store.versions
SELECT version_id, artifact_id, digest, size_bytes, fingerprint, 'written', closed_ns, execution_id, complete, false
FROM made WHERE is_new ORDER BY version_id;

-- Read under this fingerprint and taken for an older version with the same content, because nobody was known to
-- have written it: it was this write.
CREATE OR REPLACE TEMP TABLE misread AS
SELECT s.version_id AS old_id, m.version_id, m.artifact_id, m.fingerprint, m.closed_ns
FROM made m
JOIN store.sightings s ON s.artifact_id = m.artifact_id AND s.fingerprint = m.fingerprint AND s.version_id <> m.version_id
WHERE m.is_new AND s.at_ns >= m.opened_ns;

UPDATE store.reads AS r SET version_id = x.version_id
FROM misread x WHERE r.version_id = x.old_id AND r.opened_ns >= x.closed_ns;

INSERT INTO passed SELECT version_id, old_id FROM misread;

DELETE FROM store.sightings
WHERE (version_id, artifact_id, fingerprint) IN (SELECT (old_id, artifact_id, fingerprint) FROM misread);

UPDATE store.versions AS v SET
    origin = 'written', execution_id = m.execution_id, created_ns = m.closed_ns, digest = coalesce(v.digest, m.digest)
FROM made m WHERE m.version_id = v.version_id AND NOT m.is_new;

DELETE FROM store.links
WHERE rule = 'copy' AND confidence < 1 AND output_version_id IN (SELECT version_id FROM made WHERE NOT is_new);

INSERT INTO store.sightings
SELECT version_id, artifact_id, fingerprint, closed_ns FROM made ORDER BY version_id;

INSERT INTO late SELECT version_id FROM made WHERE NOT is_new;
