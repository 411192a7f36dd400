-- Current outputs of which an input has a newer version.
SELECT s.depth, s.uri, s.version_id, s.digest, s.input_uri, i.ordinal AS input_ordinal, s.input_version_id,
    n.ordinal AS newer_ordinal, s.newer_version_id, s.confidence
FROM stale() s
LEFT JOIN versions i ON i.version_id = s.input_version_id
LEFT JOIN versions n ON n.version_id = s.newer_version_id
ORDER BY s.depth, s.uri;
