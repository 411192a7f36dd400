-- pipe: the reader's standard output is the writer's standard input, over any number of programs between them.
CREATE OR REPLACE VIEW store.pipe AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    'pipe' AS rule,
    CASE WHEN w.copied THEN 0.4 ELSE 0.9 END::DOUBLE AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
JOIN store.relations x ON x.program_id = w.program_id AND x.relation = 'pipe'
JOIN store.reads r
    ON r.program_id = x.other_id AND r.opened_ns < w.closed_ns AND r.version_id <> w.version_id;
COMMENT ON VIEW store.pipe IS 'Rule pipe, one row per read and write';
