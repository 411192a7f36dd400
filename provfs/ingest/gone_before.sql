-- A version that came to be known only after its file had been removed, or had gone along with a rename, is not there
-- any more; what its own program removed is scratch. Reads: made, emerged.
CREATE OR REPLACE TEMP TABLE newcomers AS
SELECT version_id, artifact_id, created_ns, execution_id FROM store.versions
WHERE version_id IN (SELECT version_id FROM emerged UNION ALL SELECT version_id FROM made);

CREATE OR REPLACE TEMP TABLE departures AS
SELECT n.version_id, n.execution_id AS writer_id, c.artifact_id, c.at_ns, c.kind, c.execution_id, c.version_id IS NULL AS is_unknown
FROM newcomers n
JOIN (SELECT * FROM store.changes WHERE kind IN ('renamed', 'removed')) c ON c.artifact_id = n.artifact_id AND c.at_ns >= n.created_ns;

INSERT INTO store.endings SELECT version_id, min(at_ns) FROM departures GROUP BY version_id;

UPDATE store.versions AS v SET scratch = true
FROM (
    SELECT DISTINCT d.version_id
    FROM departures d
    JOIN store.executions w ON w.execution_id = d.writer_id
    JOIN store.executions e ON e.execution_id = d.execution_id AND e.program_id = w.program_id
    WHERE d.kind = 'removed'
) s
WHERE s.version_id = v.version_id;

UPDATE store.changes AS c SET version_id = x.version_id
FROM (
    SELECT d.artifact_id, d.at_ns, arg_max(s.version_id, (s.at_ns, s.version_id)) AS version_id
    FROM (SELECT DISTINCT artifact_id, at_ns FROM departures WHERE is_unknown) d
    JOIN store.sightings s ON s.artifact_id = d.artifact_id AND s.at_ns <= d.at_ns
    GROUP BY d.artifact_id, d.at_ns
) x
WHERE c.version_id IS NULL AND c.kind = 'removed' AND c.artifact_id = x.artifact_id AND c.at_ns = x.at_ns;
