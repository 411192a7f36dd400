-- What was taken of each journal, in order: ends and digests of the pieces.
SELECT journal, list({'end': byte_end, 'digest': digest} ORDER BY byte_end) AS pieces
FROM store.journals GROUP BY journal ORDER BY min(ingested_ns), journal;
