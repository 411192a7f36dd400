-- What happened to files without a known process, with the versions that they turned out to be of. A state that is
-- told again, as after a kill of the agent, is not a second change. Reads: told, arrived, emerged.
INSERT INTO store.changes
SELECT t.at_ns, t.artifact_id, t.kind, a.version_id, NULL, t.channel
FROM told t
LEFT JOIN arrived a ON a.row_id = t.row_id AND a.opens = 0
WHERE t.kind IN ('read', 'attributes') OR NOT EXISTS (
    FROM store.changes c
    WHERE c.artifact_id = t.artifact_id AND c.version_id = a.version_id AND c.kind IN ('created', 'modified', 'observed')
)
QUALIFY t.kind IN ('read', 'attributes')
    OR row_number() OVER (PARTITION BY t.artifact_id, a.version_id ORDER BY t.at_ns, t.row_id) = 1
ORDER BY t.at_ns;

-- The clock of the filesystem says since when a file is there that is found for the first time; after that, the order in
-- which the agent saw things counts, also where that clock was set back.
UPDATE store.versions AS v SET created_ns = t.at_ns
FROM (SELECT a.version_id, min(t.at_ns) AS at_ns FROM told t JOIN arrived a ON a.row_id = t.row_id GROUP BY a.version_id) t
WHERE v.version_id = t.version_id AND v.version_id IN (SELECT version_id FROM emerged) AND EXISTS (
    FROM store.versions e WHERE e.artifact_id = v.artifact_id AND e.version_id < v.version_id
);
