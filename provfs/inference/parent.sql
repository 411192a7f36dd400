-- parent: an ancestor program had read the input before it started its child on the way to the writer.
CREATE OR REPLACE VIEW store.parent AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    'parent' AS rule,
    CASE WHEN store.apart(r.context, x.context, x.sources) THEN 0.3 WHEN w.copied THEN 0.4 ELSE 0.6 END::DOUBLE AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
JOIN store.relations x ON x.program_id = w.program_id AND x.relation = 'ancestor'
JOIN store.reads r
    ON r.program_id = x.other_id AND r.opened_ns < x.started_ns AND r.version_id <> w.version_id;
COMMENT ON VIEW store.parent IS 'Rule parent, one row per read and write';
