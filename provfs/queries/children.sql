-- The executions that one execution started.
SELECT execution_id, command, started_at, ended_at, exit_code
FROM executions WHERE parent_id = ? ORDER BY started_at, execution_id;
