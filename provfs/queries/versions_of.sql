-- All versions of some artifacts, and what is known of each. {ids} is a list of integers.
SELECT
    version_id, artifact_id, uri, ordinal, kind, digest, size_bytes, origin, created_at, ended_at, complete,
    execution_id
FROM versions WHERE artifact_id IN ({ids});
