-- Whether `copies.sql` has anything to do: a content of the batch is in several artifacts, or counts as an unseen copy.
-- Reads: touched, contents.
SELECT (
    EXISTS (FROM contents)
    OR EXISTS (
        FROM store.links l
        JOIN store.versions v ON v.version_id = l.output_version_id
        JOIN touched t ON t.digest = v.digest AND t.size_bytes = v.size_bytes
        WHERE l.rule = 'copy' AND l.confidence < 1
    )
)::INTEGER;
