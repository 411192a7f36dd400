-- The versions that some names mean: the newest of each artifact, or all, or the one after @.
SELECT place, version_id FROM store.named_versions(?, ?) ORDER BY place, ordinal DESC, version_id;
