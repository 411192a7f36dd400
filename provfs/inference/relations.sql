-- The closure of the tree of programs, for programs that are new, newly described, ended or waited for, and all
-- below them. Where a shell or another uncaptured process stands between, waiting for that one counts if the
-- program itself had ended by then. A child belongs to the context (cell, task) in which its parent started it, where
-- that is one of the parent's own. Ranks of one job that ran at the same time are peers. Reads: who, described, batch.
CREATE OR REPLACE TEMP TABLE lineage AS
SELECT
    r.execution_id AS program_id, p.program_id AS parent_program, coalesce(r.entry_started_ns, r.started_ns) AS started_ns,
    (
        SELECT min(w.at_ns) FROM store.waits w
        WHERE w.child_id = r.execution_id
            OR (
                w.execution_id = r.parent_id AND w.child_pid IN (coalesce(r.entry_pid, r.pid), 0)
                AND w.at_ns >= r.started_ns AND coalesce(r.entry_started_ns, r.started_ns) >= coalesce(w.began_ns - 10000000, 0)
                AND ((r.entry_pid IS NULL AND w.child_pid <> 0) OR coalesce(x.ended_ns <= w.at_ns, false))
            )
    ) AS waited_ns,
    c.context, c.sources
FROM store.executions r
LEFT JOIN (SELECT execution_id, min(ended_ns) AS ended_ns FROM store.exits GROUP BY execution_id) x
    ON x.execution_id = r.execution_id
LEFT JOIN store.executions p ON p.execution_id = r.parent_id
LEFT JOIN store.contexts c ON c.execution_id = r.parent_id AND c.context = r.context
WHERE r.program_id = r.execution_id;

CREATE OR REPLACE TEMP TABLE changed AS
WITH RECURSIVE below(program_id) AS (
    SELECT program_id FROM who WHERE is_new
    UNION SELECT program_id FROM described
    UNION SELECT w.program_id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'exit'
    UNION SELECT e.program_id FROM store.executions e
    WHERE e.parent_id IN (SELECT w.execution_id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'wait')
        OR e.name IN (SELECT child FROM batch WHERE type = 'wait')
        OR (e.parent_id, e.context) IN (
            SELECT (w.execution_id, b.context) FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'context'
        )
    UNION SELECT l.program_id FROM lineage l JOIN below b ON l.parent_program = b.program_id
)
SELECT program_id FROM below;

DELETE FROM store.relations
WHERE (relation <> 'descendant' AND program_id IN (FROM changed))
    OR (relation IN ('descendant', 'peer') AND other_id IN (FROM changed));

INSERT INTO store.relations
WITH RECURSIVE climb(program_id, ancestor_id, started_ns, waited_ns, context, sources, complete) AS (
    SELECT program_id, parent_program, started_ns, waited_ns, context, sources, waited_ns IS NOT NULL
    FROM lineage WHERE program_id IN (FROM changed) AND parent_program IS NOT NULL AND parent_program <> program_id
    UNION
    SELECT
        c.program_id, l.parent_program, l.started_ns, l.waited_ns, l.context, l.sources,
        c.complete AND l.waited_ns IS NOT NULL
    FROM climb c JOIN lineage l ON l.program_id = c.ancestor_id
    WHERE l.parent_program IS NOT NULL AND l.parent_program <> c.program_id
)
SELECT program_id, program_id, 'self', NULL, NULL, NULL, NULL FROM lineage WHERE program_id IN (FROM changed)
UNION ALL SELECT program_id, ancestor_id, 'ancestor', started_ns, NULL, context, sources FROM climb
UNION ALL SELECT ancestor_id, program_id, 'descendant', NULL, waited_ns, context, sources FROM climb WHERE complete;

-- The first program of each rank stands for it; what it starts inherits its variables and is its descendant.
CREATE OR REPLACE TEMP TABLE ranks AS
SELECT e.execution_id AS program_id, e.job_system, e.job_key, e.rank, e.started_ns, coalesce(x.ended_ns, l.waited_ns) AS ended_ns
FROM store.executions e
JOIN lineage l ON l.program_id = e.execution_id
LEFT JOIN store.executions p ON p.execution_id = l.parent_program
LEFT JOIN (SELECT execution_id, min(ended_ns) AS ended_ns FROM store.exits GROUP BY execution_id) x
    ON x.execution_id = e.execution_id
WHERE e.rank IS NOT NULL AND e.job_key IS NOT NULL
    AND (p.job_key, p.rank) IS DISTINCT FROM (e.job_key, e.rank);

INSERT INTO store.relations
SELECT a.program_id, b.program_id, 'peer', NULL, NULL, NULL, NULL
FROM ranks a
JOIN ranks b
    ON b.job_system = a.job_system AND b.job_key = a.job_key AND b.rank <> a.rank
    AND (a.ended_ns IS NULL OR b.started_ns <= a.ended_ns) AND (b.ended_ns IS NULL OR a.started_ns <= b.ended_ns)
WHERE a.program_id IN (FROM changed) OR b.program_id IN (FROM changed);
