SELECT parse_filename(uri) AS stale, parse_filename(input_uri) AS made_from_older
FROM stale()
