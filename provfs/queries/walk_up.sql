-- Every version that the named ones depend on, nearest first, with the execution that links it; weak ones as well.
SELECT
    depth, uri, ordinal, kind, digest, rule, confidence, via_execution, command, code_uri, code_digest, git_commit,
    version_id, size_bytes, created_at, complete, user_name, program_id
FROM upstream_of(?, 0) ORDER BY depth, uri, ordinal;
