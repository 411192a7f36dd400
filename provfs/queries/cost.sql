-- What it took to make the named version.
SELECT * FROM cost(?) ORDER BY started_at, execution_id;
