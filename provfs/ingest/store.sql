-- Writes go into the log, with the mark of a seen copy. Reads: made.
INSERT INTO store.writes
SELECT execution_id, program_id, version_id, opened_ns, closed_ns, bytes, thread, context, channel, copied
FROM made ORDER BY closed_ns;
