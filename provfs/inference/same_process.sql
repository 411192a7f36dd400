-- same-process: the execution opened the input before it last closed the output.
-- 1.0 when one thread or task did both, else 0.9; 0.4 where the output is a seen copy of something else; 0.3 where the
-- context that wrote is known not to use what the context that read has.
CREATE OR REPLACE VIEW store.same_process AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    'same-process' AS rule,
    CASE WHEN store.apart(r.context, w.context, c.sources) THEN 0.3 WHEN w.copied THEN 0.4 WHEN r.thread = w.thread THEN 1.0 ELSE 0.9 END::DOUBLE AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
JOIN store.reads r
    ON r.execution_id = w.execution_id AND r.opened_ns < w.closed_ns AND r.version_id <> w.version_id;
COMMENT ON VIEW store.same_process IS 'Rule same-process, one row per read and write';
