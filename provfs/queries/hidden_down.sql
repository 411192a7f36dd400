-- How many versions depend on the given ones less surely than a bound.
SELECT count(*) FROM store.walk_down(?::BIGINT[], 0) w
JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
WHERE w.confidence < ?;
