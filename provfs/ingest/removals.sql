-- Removed files: their versions end, and are scratch where the program that made them removed them. Reads: removals.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT r.*, arg_max(s.version_id, (s.at_ns, s.version_id)) AS version_id
FROM removals r
JOIN (SELECT * FROM store.sightings WHERE artifact_id IN (SELECT artifact_id FROM removals)) s
    ON s.artifact_id = r.artifact_id AND s.at_ns <= r.at_ns
JOIN store.versions v ON v.version_id = s.version_id AND v.artifact_id = r.artifact_id
GROUP BY ALL;

INSERT INTO store.endings SELECT version_id, min(at_ns) FROM gone GROUP BY version_id;

-- Also where the newest version has gone along with a rename: nothing is left under the name.
INSERT INTO store.endings
SELECT v.version_id, min(r.at_ns)
FROM removals r JOIN store.versions v ON v.artifact_id = r.artifact_id AND v.created_ns <= r.at_ns
WHERE v.version_id NOT IN (SELECT version_id FROM gone)
GROUP BY v.version_id;

-- Without a version where the file is not known yet: who wrote it may be told later.
INSERT INTO store.changes
SELECT r.at_ns, r.artifact_id, 'removed', g.version_id, r.execution_id, r.channel
FROM removals r
LEFT JOIN gone g ON g.artifact_id = r.artifact_id AND g.at_ns = r.at_ns AND g.execution_id IS NOT DISTINCT FROM r.execution_id;

UPDATE store.versions AS v SET scratch = true
FROM (
    SELECT DISTINCT v.version_id
    FROM gone g
    JOIN store.versions v ON v.artifact_id = g.artifact_id AND v.created_ns <= g.at_ns
    JOIN store.executions e ON e.execution_id = v.execution_id AND e.program_id = g.program_id
) s
WHERE s.version_id = v.version_id;
