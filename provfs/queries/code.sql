-- What some executions were: command line and code.
SELECT execution_id, command, code_uri, code_digest, git_commit, git_dirty
FROM executions WHERE execution_id IN (SELECT unnest(?::BIGINT[]))
ORDER BY started_at, execution_id;
