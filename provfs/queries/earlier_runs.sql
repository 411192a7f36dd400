-- Programs that ran one of some scripts, newest first.
SELECT execution_id, started_at, user_name, host, command, cwd, code_uri, code_digest, packages_digest
FROM executions
WHERE execution_id = program_id AND code_digest IN (SELECT unnest(?::VARCHAR[]))
ORDER BY started_at DESC, execution_id DESC;
