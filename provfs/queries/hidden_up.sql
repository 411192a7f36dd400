-- How many versions the given ones depend on less surely than a bound.
SELECT count(*) FROM store.walk_up(?::BIGINT[], 0) w
JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
WHERE w.confidence < ?;
