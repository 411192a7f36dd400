-- What all executions took.
SELECT * FROM costs ORDER BY started_at, execution_id;
