-- Whether a file of this batch is known to have been removed or moved before. Reads: made, emerged.
SELECT EXISTS (
    FROM (SELECT artifact_id FROM store.changes WHERE kind IN ('renamed', 'removed')) c
    JOIN (
        SELECT artifact_id FROM store.versions
        WHERE version_id IN (SELECT version_id FROM emerged UNION ALL SELECT version_id FROM made)
    ) v ON v.artifact_id = c.artifact_id
)::INTEGER;
