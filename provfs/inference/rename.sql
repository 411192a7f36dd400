-- rename: a version that another program had made was moved to this name. A version that its own program
-- moves is not a new one: it goes along with its inputs, and there is no edge.
CREATE OR REPLACE VIEW store.rename AS
SELECT input_version_id, output_version_id, execution_id, rule, confidence, read_ns, written_ns
FROM store.links WHERE rule = 'rename';
COMMENT ON VIEW store.rename IS 'Rule rename, one row per moved version';
