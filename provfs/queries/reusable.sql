-- Other runs of the same code on the same contents, and what they made.
SELECT r.*, v.ordinal AS output_ordinal
FROM reusable(?) r LEFT JOIN versions v ON v.version_id = r.output_version_id
ORDER BY r.started_at, r.output_uri;
