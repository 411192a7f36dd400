-- Executions of which nobody said that they ended, and where they ran.
SELECT e.execution_id, e.name, b.host
FROM store.executions e
LEFT JOIN store.boots b ON b.boot = split_part(e.name, '-', 1)
WHERE e.execution_id NOT IN (
    SELECT execution_id FROM store.exits
    UNION SELECT child_id FROM store.waits WHERE child_id IS NOT NULL
    UNION SELECT c.execution_id FROM store.waits w
    JOIN store.executions c ON c.parent_id = w.execution_id AND c.pid = w.child_pid AND c.started_ns <= w.at_ns
);
