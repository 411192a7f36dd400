-- The edges that lead to some versions. {ids} is a list of integers.
SELECT input_version_id, output_version_id, execution_id, rule, confidence
FROM edges WHERE output_version_id IN ({ids});
