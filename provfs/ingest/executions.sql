-- Which executions a batch is of. Reads: accesses, opened, batch. Leaves: who (name, execution_id, program_id, offset_ns).
INSERT INTO store.boots
SELECT
    split_part(execution, '-', 1), any_value(host), arg_min(clock, at_ns), arg_min(offset_ns, at_ns)
FROM batch
WHERE type = 'journal' AND split_part(execution, '-', 1) NOT IN (SELECT boot FROM store.boots)
GROUP BY 1;

-- A journal header says nothing about an execution of its own, and who waited for a child need not be captured.
CREATE OR REPLACE TEMP TABLE mentioned AS
SELECT name, min(seen_ns) AS seen_ns
FROM (
    SELECT execution AS name, coalesce(started_ns, at_ns) AS seen_ns
    FROM batch WHERE type <> 'journal'
    UNION ALL SELECT execution, opened_ns FROM accesses
    UNION ALL SELECT execution, opened_ns FROM opened
    UNION ALL SELECT parent, started_ns FROM batch WHERE type = 'execution' AND parent IS NOT NULL
    UNION ALL SELECT program, started_ns FROM batch WHERE type = 'execution'
)
GROUP BY name;

CREATE OR REPLACE TEMP TABLE who AS
SELECT
    m.name,
    coalesce(
        e.execution_id,
        (SELECT coalesce(max(execution_id), 0) FROM store.executions)
            + row_number() OVER (PARTITION BY e.execution_id IS NULL ORDER BY m.seen_ns, m.name)
    ) AS execution_id,
    e.program_id, e.execution_id IS NULL AS is_new, coalesce(b.offset_ns, 0) AS offset_ns
FROM mentioned m
LEFT JOIN store.executions e ON e.name = m.name
LEFT JOIN store.boots b ON b.boot = split_part(m.name, '-', 1);
