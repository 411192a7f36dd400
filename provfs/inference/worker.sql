-- worker: another execution of the same program did the reading or the writing.
CREATE OR REPLACE VIEW store.worker AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    'worker' AS rule,
    CASE WHEN store.apart(r.context, w.context, c.sources) THEN 0.3 WHEN w.copied THEN 0.4 ELSE 0.9 END::DOUBLE AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
JOIN store.reads r
    ON r.program_id = w.program_id AND r.execution_id <> w.execution_id
    AND r.opened_ns < w.closed_ns AND r.version_id <> w.version_id;
COMMENT ON VIEW store.worker IS 'Rule worker, one row per read and write';
