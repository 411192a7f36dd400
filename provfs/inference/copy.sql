-- copy: the same content, by digest and size, appeared under another name. Which pairs these are is
-- found when they arrive (copies.sql), because it needs the digests of the whole log.
CREATE OR REPLACE VIEW store.copy AS
SELECT input_version_id, output_version_id, execution_id, rule, confidence, read_ns, written_ns
FROM store.links WHERE rule = 'copy';
COMMENT ON VIEW store.copy IS 'Rule copy, one row per copied version';
