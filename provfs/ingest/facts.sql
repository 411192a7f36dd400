-- One number per table of facts, the same for the same rows in any order; free of ids.
SELECT 'executions', (
    SELECT [count(*), sum(hash(name, pid, started_ns))::HUGEINT]
    FROM store.executions
)
UNION ALL SELECT 'reads', (
    SELECT [count(*), sum(hash(e.name, r.opened_ns, r.closed_ns, r.opens, r.bytes, r.channel))::HUGEINT]
    FROM store.reads r
    JOIN store.executions e ON e.execution_id = r.execution_id
)
UNION ALL SELECT 'writes', (
    SELECT [count(*), sum(hash(e.name, w.opened_ns, w.closed_ns, w.bytes, w.channel))::HUGEINT]
    FROM store.writes w JOIN store.executions e ON e.execution_id = w.execution_id
);
