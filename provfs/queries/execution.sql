-- One execution: everything that is known of it.
SELECT * FROM executions WHERE execution_id = ?;
