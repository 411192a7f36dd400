-- Which artifacts some versions belong to. {ids} is a list of integers.
SELECT DISTINCT artifact_id FROM store.versions WHERE version_id IN ({ids});
