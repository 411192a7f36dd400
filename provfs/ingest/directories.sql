-- A directory that is renamed moves every file below it that was still there. Reads: removals. Reads and rewrites:
-- moves, uris. A rename without a fingerprint is one of a directory, or of something that capture could not look at.
CREATE OR REPLACE TEMP TABLE below AS
SELECT
    m.execution_id, m.program_id, a.artifact_id AS source_id, a.uri AS source_uri,
    m.target_uri || substr(a.uri, length(m.source_uri) + 1) AS target_uri, m.at_ns, m.channel
FROM moves m
JOIN store.artifacts a ON starts_with(a.uri, m.source_uri || '/')
WHERE m.fingerprint IS NULL;

CREATE OR REPLACE TEMP TABLE standing AS
SELECT s.artifact_id, s.at_ns, d.ended_ns
FROM (SELECT * FROM store.sightings WHERE artifact_id IN (SELECT source_id FROM below)) s
JOIN store.versions v ON v.version_id = s.version_id AND v.artifact_id = s.artifact_id
LEFT JOIN (SELECT version_id, min(ended_ns) AS ended_ns FROM store.endings GROUP BY version_id) d
    ON d.version_id = s.version_id;

CREATE OR REPLACE TEMP TABLE left_before AS
SELECT artifact_id, at_ns FROM removals
UNION ALL SELECT source_id, at_ns FROM moves WHERE fingerprint IS NOT NULL;

CREATE OR REPLACE TEMP TABLE trees AS
SELECT * FROM below b
WHERE EXISTS (
    FROM standing s
    WHERE s.artifact_id = b.source_id AND s.at_ns <= b.at_ns AND (s.ended_ns IS NULL OR s.ended_ns > b.at_ns)
        AND NOT EXISTS (
            FROM left_before l WHERE l.artifact_id = b.source_id AND l.at_ns BETWEEN s.at_ns AND b.at_ns
        )
);

INSERT INTO store.places
SELECT (SELECT coalesce(max(place_id), 0) FROM store.places) + row_number() OVER (ORDER BY uri), uri
FROM (SELECT DISTINCT parse_dirpath(target_uri, 'forward_slash') AS uri FROM trees)
WHERE uri NOT IN (SELECT uri FROM store.places);

INSERT INTO store.artifacts
SELECT
    (SELECT coalesce(max(artifact_id), 0) FROM store.artifacts) + row_number() OVER (ORDER BY min(t.at_ns), t.target_uri),
    t.target_uri, any_value(s.kind), min(t.at_ns), any_value(p.place_id)
FROM trees t
JOIN store.artifacts s ON s.artifact_id = t.source_id
JOIN store.places p ON p.uri = parse_dirpath(t.target_uri, 'forward_slash')
WHERE t.target_uri NOT IN (SELECT uri FROM store.artifacts)
GROUP BY t.target_uri;

DELETE FROM moves WHERE fingerprint IS NULL AND row_id IN (
    SELECT m.row_id FROM moves m JOIN trees t ON starts_with(t.source_uri, m.source_uri || '/')
);

INSERT INTO moves
SELECT
    (SELECT coalesce(max(row_id), 0) FROM moves) + row_number() OVER (), t.execution_id, t.program_id, t.source_id,
    a.artifact_id, t.source_uri, t.target_uri, t.at_ns, NULL, t.channel
FROM trees t JOIN store.artifacts a ON a.uri = t.target_uri;
