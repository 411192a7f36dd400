-- What the agent says happened to files, without knowing who did it. A state in which a file was found goes the way
-- of a read that nobody opened (opens = 0), so that it meets the version it is of, or makes one. Reads: batch, who,
-- uris. Adds to: arrived, moves, removals. Leaves: told.
CREATE OR REPLACE TEMP TABLE told AS
SELECT
    (SELECT coalesce(max(row_id), 0) FROM arrived) + row_number() OVER () AS row_id, w.execution_id, w.program_id,
    u.artifact_id, b.id, b.kind, b.at_ns + w.offset_ns AS at_ns, b.size_bytes, b.fingerprint, b.digest, b.channel
FROM batch b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri
WHERE b.type = 'change' AND b.kind NOT IN ('renamed', 'removed');

INSERT INTO arrived BY NAME
SELECT
    row_id, execution_id, program_id, artifact_id, 'read' AS mode, id, at_ns AS opened_ns, at_ns AS closed_ns, 0 AS opens,
    size_bytes, fingerprint, digest, true AS complete, false AS unstable, false AS inherited, channel
FROM told WHERE fingerprint IS NOT NULL OR digest IS NOT NULL;

INSERT INTO moves
SELECT
    (SELECT coalesce(max(row_id), 0) FROM moves) + row_number() OVER (), NULL, NULL, u.artifact_id, t.artifact_id, b.uri,
    b."to", b.at_ns + w.offset_ns, b.fingerprint, b.channel
FROM batch b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri
JOIN uris t ON t.uri = b."to"
WHERE b.type = 'change' AND b.kind = 'renamed' AND b.uri <> b."to";

INSERT INTO removals
SELECT NULL, NULL, u.artifact_id, b.at_ns + w.offset_ns, b.fingerprint, b.channel
FROM batch b
JOIN who w ON w.name = b.execution
JOIN uris u ON u.uri = b.uri
WHERE b.type = 'change' AND b.kind = 'removed';
