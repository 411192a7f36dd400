-- Reads go into the log; a copy that never passed through the program gets the digest of what it was made from.
-- Reads: arrived, made.
-- The state that a file had when it was closed, where it was changed while it was read, was not there when it was opened.
UPDATE arrived SET opened_ns = least(arrived.closed_ns, v.created_ns)
FROM store.versions v
WHERE arrived.unstable AND v.version_id = arrived.version_id AND v.origin = 'written' AND v.created_ns > arrived.opened_ns;

INSERT INTO store.reads
SELECT execution_id, program_id, version_id, opened_ns, closed_ns, opens, bytes, ranges, thread, context, channel, unstable
FROM arrived WHERE mode = 'read' AND version_id IS NOT NULL AND opens > 0 ORDER BY opened_ns;

-- An observed version existed when it was first opened, whatever the clock of the filesystem says.
UPDATE store.versions AS v SET created_ns = a.opened_ns
FROM (
    SELECT version_id, min(opened_ns) AS opened_ns
    FROM arrived
    WHERE mode = 'read' AND version_id IN (SELECT version_id FROM store.versions WHERE origin = 'observed')
    GROUP BY version_id
) a
WHERE v.version_id = a.version_id AND v.created_ns > a.opened_ns;

-- A later whole read tells the digest of a version that was only partly read before, or moved unseen.
UPDATE store.versions AS v SET digest = a.digest, size_bytes = coalesce(v.size_bytes, a.size_bytes)
FROM (
    SELECT version_id, any_value(digest) AS digest, any_value(size_bytes) AS size_bytes
    FROM arrived
    WHERE mode = 'read' AND digest IS NOT NULL AND NOT unstable
        AND version_id IN (SELECT version_id FROM store.versions WHERE digest IS NULL)
    GROUP BY version_id
) a
WHERE v.version_id = a.version_id AND v.digest IS NULL;

-- However often it was moved on.
UPDATE store.versions AS v SET digest = t.digest
FROM (
    WITH RECURSIVE told(version_id, digest) AS (
        SELECT version_id, digest FROM store.versions
        WHERE digest IS NOT NULL AND version_id IN (SELECT input_version_id FROM store.links WHERE rule = 'rename')
            AND version_id IN (SELECT version_id FROM arrived WHERE mode = 'read')
        UNION
        SELECT l.output_version_id, t.digest
        FROM told t JOIN store.links l ON l.rule = 'rename' AND l.input_version_id = t.version_id
    )
    SELECT version_id, any_value(digest) AS digest FROM told GROUP BY version_id
) t
WHERE t.version_id = v.version_id AND v.digest IS NULL;

UPDATE store.versions AS v SET digest = s.digest, size_bytes = coalesce(v.size_bytes, s.size_bytes)
FROM made m
JOIN arrived a ON a.execution_id = m.execution_id AND a.id = m.copy_of AND a.mode = 'read'
JOIN store.versions s ON s.version_id = a.version_id
WHERE v.version_id = m.version_id AND v.digest IS NULL;
