-- New lines as rows of the table {table}, in their order; what is in braces is filled in from the records of the journal.
CREATE OR REPLACE TEMP TABLE {table} AS
SELECT *
FROM read_json(
    $path, format = 'newline_delimited', columns = {{fields}}, ignore_errors = true, maximum_object_size = $line_bytes
)
WHERE {is_record};
