-- One access that several channels saw is one: the channel of the lowest rank tells most, and stays. Executions that
-- are not new may have been seen by another channel in an earlier ingest. Renames and removals: `again.sql`. Reads: who,
-- batch. Reads and rewrites: arrived.
DELETE FROM store.openings AS twice
WHERE rank_of(channel) > 1 AND EXISTS (
    SELECT 1 FROM store.openings AS better
    WHERE rank_of(better.channel) < rank_of(twice.channel) AND better.execution_id = twice.execution_id
        AND better.artifact_id = twice.artifact_id
);

CREATE OR REPLACE TEMP TABLE seen_before AS
SELECT a.row_id, a.execution_id, a.mode, a.channel, a.digest, s.version_id
FROM arrived a
JOIN (SELECT execution_id FROM who WHERE NOT is_new) w ON w.execution_id = a.execution_id
JOIN store.sightings s ON s.artifact_id = a.artifact_id AND s.fingerprint = a.fingerprint;

CREATE OR REPLACE TEMP TABLE lesser AS
SELECT row_id, execution_id, artifact_id, mode, fingerprint, rank_of(channel) AS rank FROM arrived WHERE rank_of(channel) > 1;

CREATE OR REPLACE TEMP TABLE doubled AS
SELECT p.row_id
FROM lesser p
JOIN (SELECT * FROM arrived WHERE execution_id IN (SELECT execution_id FROM lesser)) o
    ON o.execution_id = p.execution_id AND o.artifact_id = p.artifact_id AND o.mode = p.mode
    AND o.fingerprint = p.fingerprint AND rank_of(o.channel) < p.rank
UNION
SELECT p.row_id
FROM seen_before p JOIN store.reads r ON r.execution_id = p.execution_id AND r.version_id = p.version_id
WHERE p.mode = 'read' AND rank_of(r.channel) < rank_of(p.channel);

-- The better channel comes later: of a read its row replaces the other, of a write it completes the version.
DELETE FROM store.reads AS r USING seen_before p
WHERE p.mode = 'read' AND r.execution_id = p.execution_id AND r.version_id = p.version_id
    AND rank_of(p.channel) < rank_of(r.channel);

CREATE OR REPLACE TEMP TABLE written_before AS
SELECT p.row_id, p.version_id, p.execution_id, p.digest, least(rank_of(p.channel), rank_of(w.channel)) < rank_of(w.channel) AS better, p.channel
FROM seen_before p
JOIN store.writes w ON w.execution_id = p.execution_id AND w.version_id = p.version_id
WHERE p.mode = 'write' AND rank_of(p.channel) <> rank_of(w.channel);

UPDATE store.versions AS v SET digest = coalesce(v.digest, b.digest)
FROM written_before b WHERE b.version_id = v.version_id AND b.digest IS NOT NULL;

UPDATE store.writes AS w SET channel = b.channel
FROM written_before b WHERE b.better AND b.version_id = w.version_id AND b.execution_id = w.execution_id;

DELETE FROM arrived WHERE row_id IN (SELECT row_id FROM doubled UNION ALL SELECT row_id FROM written_before);

-- Who only held a file open for a child that wrote it by the inherited descriptor has not written it.
CREATE OR REPLACE TEMP TABLE held AS
SELECT DISTINCT p.row_id
FROM (SELECT * FROM arrived WHERE mode = 'write' AND NOT inherited AND coalesce(bytes, 0) = 0) p
JOIN (SELECT * FROM arrived WHERE mode = 'write' AND inherited) c
    ON c.artifact_id = p.artifact_id AND c.fingerprint = p.fingerprint AND c.execution_id <> p.execution_id
    AND c.opened_ns >= p.opened_ns AND c.closed_ns <= p.closed_ns
UNION
SELECT p.row_id
FROM arrived p
JOIN store.sightings s ON s.artifact_id = p.artifact_id AND s.fingerprint = p.fingerprint
JOIN store.writes w ON w.version_id = s.version_id AND w.opened_ns >= p.opened_ns AND w.closed_ns <= p.closed_ns
JOIN store.executions c ON c.execution_id = w.execution_id AND c.parent_id = p.execution_id
WHERE p.mode = 'write' AND coalesce(p.bytes, 0) = 0
    AND p.execution_id IN (SELECT parent_id FROM store.executions WHERE execution_id NOT IN (SELECT execution_id FROM who));

-- What the child found there before it wrote, and nobody else has written, the holder has: `(echo head; cat A) > B`.
CREATE OR REPLACE TEMP TABLE begun AS
SELECT p.row_id, arg_min(r.fingerprint, r.opened_ns) AS fingerprint, arg_min(r.size_bytes, r.opened_ns) AS size_bytes,
    min(r.opened_ns) AS opened_ns
FROM held h
JOIN arrived p ON p.row_id = h.row_id
JOIN arrived r ON r.artifact_id = p.artifact_id AND r.mode = 'read' AND r.opened_ns BETWEEN p.opened_ns AND p.closed_ns
WHERE r.size_bytes > 0 AND NOT EXISTS (
    SELECT 1 FROM arrived o
    WHERE o.artifact_id = r.artifact_id AND o.mode = 'write' AND o.fingerprint = r.fingerprint
)
GROUP BY p.row_id;

UPDATE arrived AS a SET
    fingerprint = b.fingerprint, size_bytes = b.size_bytes, digest = NULL, closed_ns = greatest(a.opened_ns + 1, b.opened_ns - 1)
FROM begun b WHERE b.row_id = a.row_id;

DELETE FROM arrived WHERE row_id IN (SELECT row_id FROM held) AND row_id NOT IN (SELECT row_id FROM begun);
