-- Whether an access of a batch can have been seen by another channel too, as `doubles.sql` looks for: several channels
-- or inherited descriptors, states that the log knows, files left open. Reads: arrived.
SELECT (
    (SELECT count(DISTINCT channel) > 1 OR coalesce(bool_or(inherited), false) FROM arrived)
    OR EXISTS (FROM store.openings)
    OR EXISTS (
        FROM arrived a JOIN store.sightings s ON s.artifact_id = a.artifact_id AND s.fingerprint = a.fingerprint
    )
)::INTEGER;
