-- What a batch has: types of records, modes of accesses, and `new` for executions that were not known. Reads:
-- accesses, opened, batch, who.
SELECT DISTINCT type FROM batch
UNION SELECT DISTINCT mode FROM accesses
UNION SELECT 'opening' FROM opened
UNION SELECT 'new' FROM who WHERE is_new;
