-- Accesses, openings and moves with ids and UTC times. Reads: accesses, opened, batch, who, uris. Leaves: arrived, moves, removals, emerged, late.
CREATE OR REPLACE TEMP TABLE failures AS
SELECT w.execution_id, b.id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'failed';

CREATE OR REPLACE TEMP TABLE arrived AS
SELECT
    b.rowid + 1 AS row_id, w.execution_id, w.program_id, u.artifact_id, b.mode, b.id,
    b.opened_ns + w.offset_ns AS opened_ns, b.closed_ns + w.offset_ns AS closed_ns, coalesce(b.opens, 1) AS opens,
    b.bytes, b.ranges, b.size_bytes, b.fingerprint, b.digest, coalesce(b.complete, true) AS complete,
    coalesce(b.unstable, false) AS unstable, b.copy_of, b.thread, b.context, b.channel,
    NULL::BIGINT AS version_id, coalesce(b.reason = 'inherited', false) AS inherited
FROM accesses b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri;

-- Versions that are found in this batch without anybody having been seen to write them.
CREATE OR REPLACE TEMP TABLE emerged (version_id BIGINT);

-- Versions whose renames have to be looked at again, because it is known only now who wrote or moved them.
CREATE OR REPLACE TEMP TABLE late (version_id BIGINT);

-- The lower, the more a channel tells.
CREATE OR REPLACE TEMP MACRO rank_of(channel_) AS
    CASE channel_ WHEN 'fsspec' THEN 1 WHEN 'open' THEN 1 WHEN 'audit' THEN 1 WHEN 'preload' THEN 2 ELSE 3 END;

-- A state but for the ctime, which a rename changes.
CREATE OR REPLACE TEMP MACRO stem_of(fingerprint_) AS regexp_replace(fingerprint_, ':[^:]*$', ':*');

-- What is open for writing: kept until its access arrives, it fails, or its execution is over.
INSERT INTO store.openings
SELECT w.execution_id, b.id, u.artifact_id, b.opened_ns + w.offset_ns, b.thread, b.context, b.channel
FROM opened b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri;

DELETE FROM store.openings
WHERE (execution_id, id) IN (SELECT (execution_id, id) FROM arrived WHERE mode = 'write')
    OR (execution_id, id) IN (SELECT (execution_id, id) FROM failures);

CREATE OR REPLACE TEMP TABLE moves AS
SELECT
    row_number() OVER () AS row_id, w.execution_id, w.program_id, u.artifact_id AS source_id, t.artifact_id AS target_id,
    b.uri AS source_uri, b."to" AS target_uri, b.at_ns + w.offset_ns AS at_ns, b.fingerprint, b.channel
FROM batch b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri
JOIN uris t ON t.uri = b."to"
WHERE b.type = 'rename' AND b.uri <> b."to" AND (w.execution_id, b.id) NOT IN (SELECT (execution_id, id) FROM failures);

CREATE OR REPLACE TEMP TABLE removals AS
SELECT w.execution_id, w.program_id, u.artifact_id, b.at_ns + w.offset_ns AS at_ns, b.fingerprint, b.channel
FROM batch b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri
WHERE b.type = 'remove' AND (w.execution_id, b.id) NOT IN (SELECT (execution_id, id) FROM failures);
