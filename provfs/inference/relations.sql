-- The closure of the tree of programs, for programs that are new, newly described, ended or waited for, and all
-- below them. Where a shell or another uncaptured process stands between, waiting for that one counts if the
-- program itself had ended by then. A child belongs to the context (cell, task) in which its parent started it, where
-- that is one of the parent's own. Ranks of one job that ran at the same time are peers. Nothing here looks at
-- programs that have nothing to do with the batch. Reads: who, described, batch.
CREATE OR REPLACE TEMP TABLE changed AS
WITH RECURSIVE below(program_id) AS (
    SELECT program_id FROM who WHERE is_new
    UNION SELECT program_id FROM described
    UNION SELECT w.program_id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'exit'
    UNION SELECT e.program_id FROM store.executions e
    WHERE e.parent_id IN (SELECT w.execution_id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'wait')
    UNION SELECT e.program_id FROM store.executions e WHERE e.name IN (SELECT child FROM batch WHERE type = 'wait')
    UNION SELECT e.program_id FROM store.executions e
    WHERE (e.parent_id, e.context) IN (
        SELECT (w.execution_id, b.context) FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'context'
    )
    UNION SELECT r.execution_id
    FROM below b
    JOIN store.executions p ON p.program_id = b.program_id
    JOIN store.executions r ON r.parent_id = p.execution_id
    WHERE r.program_id = r.execution_id
)
SELECT program_id FROM below;

-- The changed programs, the other ranks of their jobs and all above them: the first execution of each, with its parent.
CREATE OR REPLACE TEMP TABLE family AS
WITH RECURSIVE above(program_id) AS (
    FROM changed
    UNION SELECT e.execution_id FROM store.executions e
    WHERE e.rank IS NOT NULL AND e.program_id = e.execution_id AND e.job_key IN (
        SELECT job_key FROM store.executions WHERE job_key IS NOT NULL AND execution_id IN (FROM changed)
    )
    UNION SELECT p.program_id
    FROM above a
    JOIN store.executions r ON r.execution_id = a.program_id
    JOIN store.executions p ON p.execution_id = r.parent_id
)
SELECT
    r.execution_id AS program_id, r.parent_id, p.program_id AS parent_program, r.started_ns AS first_ns,
    coalesce(r.entry_started_ns, r.started_ns) AS started_ns, coalesce(r.entry_pid, r.pid) AS entry_pid,
    r.entry_pid IS NULL AS is_own_child, r.context, r.job_system, r.job_key, r.rank, p.job_key AS parent_job,
    p.rank AS parent_rank, x.ended_ns
FROM above a
JOIN store.executions r ON r.execution_id = a.program_id
LEFT JOIN store.executions p ON p.execution_id = r.parent_id
LEFT JOIN (
    SELECT execution_id, min(ended_ns) AS ended_ns
    FROM store.exits WHERE execution_id IN (SELECT program_id FROM above) GROUP BY execution_id
) x ON x.execution_id = r.execution_id
WHERE r.program_id = r.execution_id;

CREATE OR REPLACE TEMP TABLE waited AS
SELECT program_id, min(at_ns) AS waited_ns
FROM (
    SELECT f.program_id, w.at_ns FROM family f JOIN store.waits w ON w.child_id = f.program_id
    UNION ALL
    SELECT f.program_id, w.at_ns
    FROM (
        SELECT program_id, parent_id, entry_pid AS child_pid, first_ns, started_ns, ended_ns, is_own_child FROM family
        UNION ALL SELECT program_id, parent_id, 0, first_ns, started_ns, ended_ns, false FROM family
    ) f
    JOIN store.waits w ON w.execution_id = f.parent_id AND w.child_pid = f.child_pid
    WHERE w.at_ns >= f.first_ns AND f.started_ns >= coalesce(w.began_ns - 10000000, 0)
        AND (f.is_own_child OR f.ended_ns <= w.at_ns)
)
GROUP BY program_id;

CREATE OR REPLACE TEMP TABLE lineage AS
SELECT f.program_id, f.parent_program, f.started_ns, w.waited_ns, c.context, c.sources
FROM family f
LEFT JOIN waited w ON w.program_id = f.program_id
LEFT JOIN store.contexts c ON c.execution_id = f.parent_id AND c.context = f.context;

-- What is new had no relations before; most batches have nothing else.
CREATE OR REPLACE TEMP TABLE related AS
FROM changed EXCEPT SELECT execution_id FROM who WHERE is_new;

DELETE FROM store.relations
WHERE (relation NOT IN ('descendant', 'pipe') AND program_id IN (FROM related))
    OR (relation IN ('descendant', 'peer') AND other_id IN (FROM related));

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
SELECT program_id, program_id, 'self', NULL, NULL, NULL, NULL FROM family WHERE program_id IN (FROM changed)
UNION ALL SELECT program_id, ancestor_id, 'ancestor', started_ns, NULL, context, sources FROM climb
UNION ALL SELECT ancestor_id, program_id, 'descendant', NULL, waited_ns, context, sources FROM climb WHERE complete;

-- The first program of each rank stands for it; what it starts inherits its variables and is its descendant.
CREATE OR REPLACE TEMP TABLE ranks AS
SELECT f.program_id, f.job_system, f.job_key, f.rank, f.first_ns AS started_ns, coalesce(f.ended_ns, w.waited_ns) AS ended_ns
FROM family f
LEFT JOIN waited w ON w.program_id = f.program_id
WHERE f.rank IS NOT NULL AND f.job_key IS NOT NULL
    AND (f.parent_job, f.parent_rank) IS DISTINCT FROM (f.job_key, f.rank);

INSERT INTO store.relations
SELECT a.program_id, b.program_id, 'peer', NULL, NULL, NULL, NULL
FROM ranks a
JOIN ranks b
    ON b.job_system = a.job_system AND b.job_key = a.job_key AND b.rank <> a.rank
    AND (a.ended_ns IS NULL OR b.started_ns <= a.ended_ns) AND (b.ended_ns IS NULL OR a.started_ns <= b.ended_ns)
WHERE a.program_id IN (FROM changed) OR b.program_id IN (FROM changed);
