-- The models that depend on the named artifact, and where copies of them lie.
SELECT i.depth, i.uri, v.ordinal, i.version_id, i.digest, i.rule, i.confidence, v.ended_at IS NULL AS is_current, i.copies
FROM impact(?) i JOIN versions v ON v.version_id = i.version_id ORDER BY i.depth, i.uri, v.ordinal;
