-- One row per uri that is new in the log, and the artifact of every uri of the batch. Reads: named, chosen. Leaves:
-- uris (uri, artifact_id). {kind} is filled in with the built-in patterns.
UPDATE store.artifacts AS a SET first_seen_ns = n.seen_ns
FROM named n WHERE n.seen_ns < n.first_seen_ns AND n.artifact_id = a.artifact_id;

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT n.uri, n.seen_ns, coalesce(c.kind, {kind}) AS kind
FROM (SELECT uri, seen_ns FROM named WHERE artifact_id IS NULL) n
LEFT JOIN chosen c ON c.uri = n.uri
ORDER BY n.seen_ns, n.uri;

INSERT INTO store.places
SELECT (SELECT coalesce(max(place_id), 0) FROM store.places) + row_number() OVER (ORDER BY seen_ns, uri), uri
FROM (SELECT parse_dirpath(uri, 'forward_slash') AS uri, min(seen_ns) AS seen_ns FROM fresh GROUP BY 1)
WHERE uri NOT IN (SELECT uri FROM store.places);

-- Ids follow each other in the order of the rows. Rows that this transaction has made are not numbered from 0.
CREATE OR REPLACE TEMP TABLE uris AS
SELECT uri, artifact_id FROM named WHERE artifact_id IS NOT NULL
UNION ALL
SELECT uri, (SELECT coalesce(max(artifact_id), 0) FROM store.artifacts) + 1 + rowid - (SELECT min(rowid) FROM fresh)
FROM fresh;

INSERT INTO store.artifacts
SELECT
    (SELECT coalesce(max(artifact_id), 0) FROM store.artifacts) + 1 + f.rowid - (SELECT min(rowid) FROM fresh), f.uri,
    f.kind, f.seen_ns, p.place_id
FROM fresh f LEFT JOIN store.places p ON p.uri = parse_dirpath(f.uri, 'forward_slash');
