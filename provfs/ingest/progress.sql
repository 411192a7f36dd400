-- How far each journal of the batch is taken. Parameters: lists in step, and the time of the ingest.
INSERT INTO store.journals
SELECT
    unnest($journals::VARCHAR[]), unnest($ends::BIGINT[]), unnest($lines::BIGINT[]), unnest($broken::BIGINT[]), $now_ns,
    unnest($digests::VARCHAR[]);
