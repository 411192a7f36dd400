-- The uris of the batch and when each was first mentioned. Reads: batch, who. Leaves: named.
CREATE OR REPLACE TEMP TABLE named AS
SELECT uri, min(seen_ns) AS seen_ns
FROM (
    SELECT b.uri, coalesce(b.opened_ns, b.at_ns) + w.offset_ns AS seen_ns
    FROM batch b JOIN who w ON w.name = b.execution
    WHERE b.uri IS NOT NULL AND b.type <> 'code'
    UNION ALL
    SELECT b."to", b.at_ns + w.offset_ns
    FROM batch b JOIN who w ON w.name = b.execution
    WHERE b."to" IS NOT NULL
)
GROUP BY uri;

SELECT n.uri, n.seen_ns
FROM named n ANTI JOIN store.artifacts a ON a.uri = n.uri
ORDER BY n.seen_ns, n.uri;
