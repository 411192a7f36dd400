-- Equal contents under several names, for the rule copy. Reads: made, arrived, emerged. Leaves: touched, contents.
-- The contents that the batch touched, and those of them that more than one artifact has: the others are no copies.
CREATE OR REPLACE TEMP TABLE touched AS
SELECT DISTINCT digest, size_bytes
FROM store.versions
WHERE digest IS NOT NULL AND size_bytes > 0 AND version_id IN (
    SELECT version_id FROM made
    UNION ALL SELECT version_id FROM emerged
    UNION ALL SELECT version_id FROM arrived WHERE mode = 'read'
);

CREATE OR REPLACE TEMP TABLE contents AS
SELECT v.digest, v.size_bytes
FROM store.versions v JOIN touched t ON t.digest = v.digest AND t.size_bytes = v.size_bytes
GROUP BY v.digest, v.size_bytes
HAVING min(v.artifact_id) <> max(v.artifact_id);
