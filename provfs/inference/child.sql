-- child: a descendant program read the input, every program on the way was waited for, and the writer
-- closed the output after its own wait.
CREATE OR REPLACE VIEW store.child AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    'child' AS rule,
    CASE WHEN store.apart(x.context, w.context, c.sources) THEN 0.3 WHEN w.copied THEN 0.4 ELSE 0.6 END::DOUBLE AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
JOIN store.relations x
    ON x.program_id = w.program_id AND x.relation = 'descendant' AND x.waited_ns < w.closed_ns
JOIN store.reads r ON r.program_id = x.other_id AND r.version_id <> w.version_id;
COMMENT ON VIEW store.child IS 'Rule child, one row per read and write';
