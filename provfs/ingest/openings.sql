-- Executions with files open for writing: when they ended as far as is known, and their last sign of life.
SELECT
    o.execution_id, e.name,
    least(
        (SELECT min(x.ended_ns) FROM store.exits x WHERE x.execution_id = o.execution_id),
        (
            SELECT min(w.at_ns) FROM store.waits w
            WHERE w.child_id = o.execution_id
                OR (w.child_id IS NULL AND w.execution_id = e.parent_id AND w.child_pid = e.pid AND w.at_ns >= e.started_ns)
        )
    ) AS ended_ns,
    greatest(
        max(o.opened_ns), e.started_ns,
        (SELECT max(r.closed_ns) FROM store.reads r WHERE r.execution_id = o.execution_id),
        (SELECT max(w.closed_ns) FROM store.writes w WHERE w.execution_id = o.execution_id)
    ) AS last_ns
FROM store.openings o
JOIN store.executions e ON e.execution_id = o.execution_id
GROUP BY o.execution_id, e.name, e.parent_id, e.pid, e.started_ns;
