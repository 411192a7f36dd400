-- The artifact of every uri of the batch. Reads: named. Leaves: uris (uri, artifact_id).
UPDATE store.artifacts AS a SET first_seen_ns = n.seen_ns
FROM named n WHERE n.uri = a.uri AND n.seen_ns < a.first_seen_ns;

CREATE OR REPLACE TEMP TABLE uris AS
SELECT n.uri, a.artifact_id FROM named n JOIN store.artifacts a ON a.uri = n.uri;
