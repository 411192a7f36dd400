-- peer: another rank of the same distributed job, running at the same time, had opened the input.
CREATE OR REPLACE VIEW store.peer AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    'peer' AS rule,
    CASE WHEN w.copied THEN 0.4 ELSE 0.8 END::DOUBLE AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
JOIN store.relations x ON x.program_id = w.program_id AND x.relation = 'peer'
JOIN store.reads r
    ON r.program_id = x.other_id AND r.opened_ns < w.closed_ns AND r.version_id <> w.version_id;
COMMENT ON VIEW store.peer IS 'Rule peer, one row per read and write';
