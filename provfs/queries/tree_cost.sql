-- What an execution and everything that it started have taken: at least, where an end was not seen.
WITH RECURSIVE tree(execution_id) AS (
    SELECT ?::BIGINT
    UNION
    SELECT e.execution_id FROM executions e JOIN tree t ON e.parent_id = t.execution_id
)
SELECT
    count(*) AS executions, sum(c.cpu_s) AS cpu_s, max(c.max_rss_bytes) AS max_rss_bytes,
    sum(c.read_bytes)::BIGINT AS read_bytes, sum(c.written_bytes)::BIGINT AS written_bytes
FROM costs c JOIN tree t ON t.execution_id = c.execution_id;
