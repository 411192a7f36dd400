-- One row per uri that is new in the log, and the artifact of every uri of the batch. Reads: named, chosen. Leaves:
-- uris (uri, artifact_id). {kind} is filled in with the built-in patterns.
UPDATE store.artifacts AS a SET first_seen_ns = n.seen_ns
FROM named n WHERE n.seen_ns < n.first_seen_ns AND n.artifact_id = a.artifact_id;

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT n.uri, n.seen_ns, coalesce(c.kind, {kind}) AS kind
FROM (SELECT uri, seen_ns FROM named WHERE artifact_id IS NULL) n
LEFT JOIN chosen c ON c.uri = n.uri
ORDER BY n.seen_ns, n.uri;

-- Ids follow each other in the order of the rows. Rows that this transaction has made are not numbered from 0.
CREATE OR REPLACE TEMP TABLE uris AS
SELECT uri, artifact_id FROM named WHERE artifact_id IS NOT NULL
UNION ALL
SELECT uri, (SELECT coalesce(max(artifact_id), 0) FROM store.artifacts) + 1 + rowid - (SELECT min(rowid) FROM fresh)
FROM fresh;

INSERT INTO store.artifacts
SELECT (SELECT coalesce(max(artifact_id), 0) FROM store.artifacts) + 1 + rowid - (SELECT min(rowid) FROM fresh), uri, kind, seen_ns
FROM fresh;
