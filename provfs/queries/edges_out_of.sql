-- The edges that start at some versions. {ids} is a list of integers.
SELECT input_version_id, output_version_id, execution_id, rule, confidence
FROM edges WHERE input_version_id IN ({ids});
