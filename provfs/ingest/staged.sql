-- How many lines of a batch are records. Reads: accesses, opened, batch.
SELECT (SELECT count(*) FROM accesses) + (SELECT count(*) FROM opened) + count(*) FROM batch;
