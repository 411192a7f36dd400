-- What one execution read and wrote, in the order of time.
SELECT
    s.mode, s.uri, v.ordinal, s.digest, v.size_bytes, min(s.opened_at) AS opened_at, max(s.closed_at) AS closed_at,
    sum(s.opens)::BIGINT AS opens, sum(s.bytes)::BIGINT AS bytes, any_value(s.channel) AS channel, bool_or(s.unstable) AS unstable,
    v.complete, s.version_id
FROM (SELECT * FROM accesses WHERE execution_id = ?) s
JOIN versions v ON v.version_id = s.version_id
GROUP BY ALL
ORDER BY min(s.opened_at), s.mode, s.uri;
