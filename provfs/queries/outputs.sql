-- The versions that were made directly from one version.
SELECT o.uri, o.ordinal, o.kind, o.digest, o.size_bytes, e.rule, e.confidence, e.execution_id, o.version_id
FROM (SELECT * FROM edges WHERE input_version_id = ?) e
JOIN versions o ON o.version_id = e.output_version_id
ORDER BY o.uri, o.ordinal;
