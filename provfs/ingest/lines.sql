-- Lines that were not taken as columns, as rows of the table {table}, in their order; what is in braces is filled in from
-- the records of the journal.
INSERT INTO {table} BY NAME
SELECT {columns}
FROM read_json(
    $path, format = 'newline_delimited', columns = {{fields}}, ignore_errors = true, maximum_object_size = $line_bytes
)
WHERE {is_record};
