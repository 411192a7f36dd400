-- Which version each read met, where a known one has its fingerprint. Reads: arrived. Leaves: arrived.version_id.
CREATE OR REPLACE TEMP TABLE wanted AS
SELECT row_id, artifact_id, opened_ns, fingerprint, regexp_replace(fingerprint, ':[^:]*$', ':*') AS stem
FROM arrived WHERE mode = 'read' AND fingerprint IS NOT NULL;

CREATE OR REPLACE TEMP TABLE placed AS
SELECT version_id, artifact_id, fingerprint, at_ns
FROM store.sightings WHERE artifact_id IN (SELECT artifact_id FROM wanted) AND fingerprint IS NOT NULL;

UPDATE arrived SET version_id = m.version_id
FROM (
    SELECT row_id, arg_max(version_id, (exact, at_ns, version_id)) AS version_id
    FROM (
        SELECT w.row_id, p.version_id, p.at_ns, true AS exact
        FROM wanted w JOIN placed p ON p.artifact_id = w.artifact_id AND p.fingerprint = w.fingerprint
        UNION ALL
        SELECT w.row_id, p.version_id, p.at_ns, false
        FROM wanted w JOIN placed p ON p.artifact_id = w.artifact_id AND p.fingerprint = w.stem
    )
    GROUP BY row_id
) m
WHERE m.row_id = arrived.row_id;
