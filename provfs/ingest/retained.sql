-- What retention.sql leaves out. Reads: reaching, kept_reads, kept_changes.
SELECT
    (SELECT count(*) FROM store.reads WHERE closed_ns < $before_ns) AS reads,
    (SELECT count(*) FROM store.reads WHERE closed_ns < $before_ns AND program_id NOT IN (FROM reaching)) AS without_effect,
    (SELECT count(*) FROM store.reads) - (SELECT count(*) FROM kept_reads)
        - (SELECT count(*) FROM store.reads WHERE closed_ns < $before_ns AND program_id NOT IN (FROM reaching)) AS merged,
    (SELECT count(*) FROM store.changes) - (SELECT count(*) FROM kept_changes) AS changes;
