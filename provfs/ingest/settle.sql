-- Versions that were moved before it was known who had written them, or who moved them: what the program that wrote it
-- moved is the same version in its new place, and what others moved is by the same writer. One round: what comes of it
-- may have been moved on. Reads and rewrites: late. Adds to: former. Leaves: folded.
CREATE OR REPLACE TEMP TABLE settling AS
SELECT
    l.input_version_id AS version_id, l.output_version_id AS new_id, l.written_ns AS at_ns, i.execution_id, i.complete,
    i.digest, i.size_bytes, n.artifact_id, n.created_ns, n.digest AS new_digest, n.size_bytes AS new_size,
    coalesce(m.program_id = w.program_id, false)
        AND row_number() OVER (PARTITION BY l.input_version_id ORDER BY l.written_ns, l.output_version_id) = 1 AS goes_along
FROM (SELECT DISTINCT * FROM store.links WHERE rule = 'rename' AND input_version_id IN (FROM late)) l
JOIN store.versions i ON i.version_id = l.input_version_id
JOIN store.versions n ON n.version_id = l.output_version_id AND n.origin = 'renamed'
JOIN store.executions w ON w.execution_id = i.execution_id
LEFT JOIN store.executions m ON m.execution_id = l.execution_id;

CREATE OR REPLACE TEMP TABLE late AS SELECT CASE WHEN goes_along THEN version_id ELSE new_id END AS version_id FROM settling;

INSERT INTO former
SELECT CASE WHEN s.goes_along THEN s.version_id ELSE s.new_id END, unnest([i.place_id, n.place_id])
FROM settling s
JOIN store.versions v ON v.version_id = s.version_id
JOIN store.artifacts i ON i.artifact_id = v.artifact_id
JOIN store.artifacts n ON n.artifact_id = s.artifact_id;

UPDATE store.versions AS v SET
    execution_id = s.execution_id, complete = s.complete, digest = coalesce(v.digest, s.digest),
    size_bytes = coalesce(v.size_bytes, s.size_bytes)
FROM settling s WHERE NOT s.goes_along AND v.version_id = s.new_id;

UPDATE store.versions AS v SET
    artifact_id = s.artifact_id, origin = 'renamed', created_ns = s.created_ns, digest = coalesce(v.digest, s.new_digest),
    size_bytes = coalesce(v.size_bytes, s.new_size)
FROM settling s WHERE s.goes_along AND v.version_id = s.version_id;

DELETE FROM store.endings AS e USING settling s WHERE s.goes_along AND e.version_id = s.version_id AND e.ended_ns = s.at_ns;

CREATE OR REPLACE TEMP TABLE folded AS SELECT new_id AS old_id, version_id FROM settling WHERE goes_along;
