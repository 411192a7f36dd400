-- What is known to be missing, by sort.
SELECT kind, sum(count)::BIGINT AS count, max("at") AS last_at, arg_max(detail, "at") AS detail
FROM gaps GROUP BY kind ORDER BY kind;
