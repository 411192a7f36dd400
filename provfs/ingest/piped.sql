-- How many executions that the batch described have an end of a pipe; without any, no pipe joins other programs now.
SELECT count(*) FROM store.executions
WHERE execution_id IN (SELECT execution_id FROM described) AND (input_pipe IS NOT NULL OR output_pipe IS NOT NULL);
