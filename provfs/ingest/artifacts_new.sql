-- One row per uri that is new in the log. Parameters: uris, kinds and first mentions, as lists in step.
INSERT INTO store.artifacts
SELECT
    (SELECT coalesce(max(artifact_id), 0) FROM store.artifacts) + generate_subscripts($uris::VARCHAR[], 1),
    unnest($uris::VARCHAR[]), unnest($kinds::VARCHAR[]), unnest($seen_ns::BIGINT[]);
