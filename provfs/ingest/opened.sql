-- Openings whose lines were not taken as columns. Reads: batch. Adds to: opened.
INSERT INTO opened BY NAME
SELECT execution, id, uri, opened_ns, thread, context, channel FROM batch WHERE type = 'opening';

DELETE FROM batch WHERE type = 'opening';
