-- The closure of the tree of programs, for programs that are new, newly described, ended or waited for, and all
-- below them. Where a shell or another uncaptured process stands between, waiting for that one counts if the
-- program itself had ended by then. Reads: who, described, batch.
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
    ) AS waited_ns
FROM store.executions r
LEFT JOIN (SELECT execution_id, min(ended_ns) AS ended_ns FROM store.exits GROUP BY execution_id) x
    ON x.execution_id = r.execution_id
LEFT JOIN store.executions p ON p.execution_id = r.parent_id
WHERE r.program_id = r.execution_id;

CREATE OR REPLACE TEMP TABLE changed AS
WITH RECURSIVE below(program_id) AS (
    SELECT program_id FROM who WHERE is_new
    UNION SELECT program_id FROM described
    UNION SELECT w.program_id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'exit'
    UNION SELECT e.program_id FROM store.executions e
    WHERE e.parent_id IN (SELECT w.execution_id FROM batch b JOIN who w ON w.name = b.execution WHERE b.type = 'wait')
        OR e.name IN (SELECT child FROM batch WHERE type = 'wait')
    UNION SELECT l.program_id FROM lineage l JOIN below b ON l.parent_program = b.program_id
)
SELECT program_id FROM below;

DELETE FROM store.relations
WHERE (relation <> 'descendant' AND program_id IN (FROM changed)) OR (relation = 'descendant' AND other_id IN (FROM changed));

INSERT INTO store.relations
WITH RECURSIVE climb(program_id, ancestor_id, started_ns, waited_ns, complete) AS (
    SELECT program_id, parent_program, started_ns, waited_ns, waited_ns IS NOT NULL
    FROM lineage WHERE program_id IN (FROM changed) AND parent_program IS NOT NULL AND parent_program <> program_id
    UNION
    SELECT c.program_id, l.parent_program, l.started_ns, l.waited_ns, c.complete AND l.waited_ns IS NOT NULL
    FROM climb c JOIN lineage l ON l.program_id = c.ancestor_id
    WHERE l.parent_program IS NOT NULL AND l.parent_program <> c.program_id
)
SELECT program_id, program_id, 'self', NULL, NULL FROM lineage WHERE program_id IN (FROM changed)
UNION ALL SELECT program_id, ancestor_id, 'ancestor', started_ns, NULL FROM climb
UNION ALL SELECT ancestor_id, program_id, 'descendant', NULL, waited_ns FROM climb WHERE complete;
