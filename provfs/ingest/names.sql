-- The uris of the batch, when each was first mentioned, and its artifact where it has one already. Reads: accesses,
-- opened, batch, who. Leaves: named.
CREATE OR REPLACE TEMP TABLE named AS
SELECT n.uri, n.seen_ns, a.artifact_id, a.first_seen_ns
FROM (
    SELECT uri, min(seen_ns) AS seen_ns
    FROM (
        SELECT a.uri, a.opened_ns + w.offset_ns AS seen_ns FROM accesses a JOIN who w ON w.name = a.execution
        UNION ALL
        SELECT o.uri, o.opened_ns + w.offset_ns FROM opened o JOIN who w ON w.name = o.execution
        UNION ALL
        SELECT b.uri, b.at_ns + w.offset_ns
        FROM batch b JOIN who w ON w.name = b.execution
        WHERE b.uri IS NOT NULL AND b.type <> 'code'
        UNION ALL
        SELECT b."to", b.at_ns + w.offset_ns
        FROM batch b JOIN who w ON w.name = b.execution
        WHERE b."to" IS NOT NULL
    )
    GROUP BY uri
) n
LEFT JOIN store.artifacts a ON a.uri = n.uri;
