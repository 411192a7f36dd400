-- window: nobody knows who read the input and who wrote the output, but both happened within a minute, the reading
-- first. A hint at most: never among the edges that are shown by default.
CREATE OR REPLACE VIEW store."window" AS
SELECT DISTINCT
    r.version_id AS input_version_id, w.version_id AS output_version_id, 0.3::DOUBLE AS confidence,
    r.at_ns AS read_ns, w.at_ns AS written_ns
FROM store.changes w
JOIN store.versions v ON v.version_id = w.version_id AND v.execution_id IS NULL
JOIN store.changes r
    ON r.kind = 'read' AND r.at_ns < w.at_ns AND r.at_ns >= w.at_ns - 60000000000 AND r.artifact_id <> w.artifact_id
WHERE w.kind IN ('created', 'modified') AND r.version_id IS NOT NULL;
COMMENT ON VIEW store."window" IS 'Rule window, one row per read and write that are close in time';
