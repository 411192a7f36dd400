-- Executions that are over although files were left open. Parameters: ids and ends, as lists in step.
CREATE OR REPLACE TEMP TABLE over AS
SELECT unnest($ids::BIGINT[]) AS execution_id, unnest($ended_ns::BIGINT[]) AS ended_ns;
