-- Which openings stay when those before a moment are let go: of programs whose reads reached nothing that was written
-- none, of all others one row for each execution, version, thread, context and channel, with the first opening, since
-- no rule asks for more. So every edge, walk and question about inputs has the same answer afterwards. What reads
-- could still reach stays whole: a program that runs, is above or below one that runs, or has a file open.
-- Reads: running. Leaves: kept_reads, kept_changes.
CREATE OR REPLACE TEMP TABLE reaching AS
WITH writers AS (
    SELECT program_id FROM store.writes
    UNION SELECT program_id FROM store.executions WHERE execution_id IN (
        SELECT execution_id FROM store.links UNION SELECT execution_id FROM store.openings
    )
    UNION SELECT program_id FROM running
)
FROM writers
UNION SELECT other_id FROM store.relations WHERE program_id IN (FROM writers)
UNION SELECT program_id FROM store.relations WHERE other_id IN (SELECT program_id FROM running);

CREATE OR REPLACE TEMP TABLE kept_reads AS
SELECT * FROM store.reads WHERE closed_ns >= $before_ns
UNION ALL
SELECT
    execution_id, program_id, version_id, min(opened_ns), max(closed_ns), sum(opens)::BIGINT, sum(bytes)::BIGINT,
    CASE WHEN count(*) = 1 THEN any_value(ranges) END, thread, context, channel, bool_or(unstable)
FROM store.reads
WHERE closed_ns < $before_ns AND program_id IN (FROM reaching)
GROUP BY execution_id, program_id, version_id, thread, context, channel;

-- Of what the agent saw of readers that nobody knows, that which stands before a change nobody is known to have made.
CREATE OR REPLACE TEMP TABLE kept_changes AS
SELECT * FROM store.changes WHERE at_ns >= $before_ns OR kind NOT IN ('read', 'attributes')
UNION ALL
SELECT r.* FROM store.changes r
WHERE r.at_ns < $before_ns AND r.kind = 'read' AND EXISTS (
    SELECT 1 FROM store."window" w WHERE w.input_version_id = r.version_id AND w.read_ns = r.at_ns
);
