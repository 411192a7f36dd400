SELECT u.depth, parse_filename(u.uri) || '@' || v.ordinal AS made_from,
       u.digest[10:21] AS digest, u.rule, parse_filename(e.code_uri) AS code,
       e.code_digest[10:21] AS code_digest
FROM upstream('model.joblib') u
JOIN versions v ON v.version_id = u.version_id
JOIN executions e ON e.execution_id = u.via_execution
ORDER BY u.depth, made_from
