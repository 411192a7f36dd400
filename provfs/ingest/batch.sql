-- The new lines as rows; the names in braces are filled in from the records of the journal.
CREATE OR REPLACE TEMP TABLE batch AS
SELECT *
FROM read_json(
    $path, format = 'newline_delimited', columns = {{fields}}, ignore_errors = true, maximum_object_size = $line_bytes
)
WHERE {is_record};
