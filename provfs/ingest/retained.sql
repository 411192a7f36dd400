-- What retention.sql leaves out. Reads: reaching, kept_reads, kept_changes.
WITH old AS (
    SELECT count(*) AS reads, count(*) FILTER (program_id NOT IN (FROM reaching)) AS without_effect
    FROM store.reads WHERE closed_ns < $before_ns
)
SELECT
    reads, without_effect,
    (SELECT count(*) FROM store.reads) - (SELECT count(*) FROM kept_reads) - without_effect AS merged,
    (SELECT count(*) FROM store.changes) - (SELECT count(*) FROM kept_changes) AS changes
FROM old;
