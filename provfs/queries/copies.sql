-- Where else the content of one version lies or lay.
SELECT v.uri, v.ordinal, v.ended_at, v.version_id
FROM versions v
JOIN versions t ON t.digest = v.digest AND t.size_bytes = v.size_bytes AND t.version_id <> v.version_id
WHERE t.version_id = ? AND t.size_bytes > 0
ORDER BY v.uri, v.ordinal;
