-- Format 5: places, and a coarse graph of what can have gone where, so that walks look only at what they may reach.
ALTER TABLE store.artifacts ADD COLUMN place_id BIGINT;
COMMENT ON COLUMN store.artifacts.place_id IS 'The directory that it lies in';
CREATE TABLE store.places (place_id BIGINT, uri VARCHAR);
COMMENT ON TABLE store.places IS 'One row per directory in which an artifact lies';
COMMENT ON COLUMN store.places.place_id IS 'Dense id in order of first mention';
COMMENT ON COLUMN store.places.uri IS 'Uri of the directory, without a slash at the end';
CREATE TABLE store.homes (program_id BIGINT, place_id BIGINT);
COMMENT ON TABLE store.homes IS 'One row per program that has read or written: the place it stands for in store.flows; a choice that is never changed, and of no meaning beyond';
COMMENT ON COLUMN store.homes.program_id IS 'The program';
COMMENT ON COLUMN store.homes.place_id IS 'Where it wrote first, or the home of a related program that writes; null as long as nothing that it read can have gone into anything written';
CREATE TABLE store.flows (from_side BIGINT, to_side BIGINT);
COMMENT ON TABLE store.flows IS 'A coarse graph that holds every path of every walk, and more: which places data can have gone from and to. A walk looks only at programs that it reaches. Rows are added and never removed';
COMMENT ON COLUMN store.flows.from_side IS 'A side of a place: 2 place_id + 1 for versions written by programs at home there, or that lie there and nobody was seen to write; 2 place_id for what programs at home there read';
COMMENT ON COLUMN store.flows.to_side IS 'Where it can have gone, likewise';

INSERT INTO store.places
SELECT row_number() OVER (ORDER BY min(artifact_id)), parse_dirpath(uri, 'forward_slash')
FROM store.artifacts GROUP BY parse_dirpath(uri, 'forward_slash');

UPDATE store.artifacts AS a SET place_id = p.place_id
FROM store.places p WHERE p.uri = parse_dirpath(a.uri, 'forward_slash');

INSERT INTO store.homes
WITH writers AS MATERIALIZED (
    SELECT w.program_id, a.place_id
    FROM (SELECT program_id, arg_min(version_id, (closed_ns, version_id)) AS version_id FROM store.writes GROUP BY program_id) w
    JOIN store.versions v ON v.version_id = w.version_id
    JOIN store.artifacts a ON a.artifact_id = v.artifact_id
), waiting AS MATERIALIZED (
    SELECT DISTINCT program_id FROM store.reads WHERE program_id NOT IN (SELECT program_id FROM writers)
), given AS (
    SELECT x.other_id, w.place_id
    FROM store.relations x JOIN writers w ON w.program_id = x.program_id WHERE x.other_id IN (FROM waiting)
)
SELECT program_id, min(place_id) AS place_id FROM (
    FROM writers UNION ALL FROM given UNION ALL SELECT program_id, NULL FROM waiting
)
GROUP BY program_id ORDER BY program_id;

INSERT INTO store.flows
WITH sides AS MATERIALIZED (
    SELECT v.version_id, 2 * coalesce(h.place_id, a.place_id) + 1 AS side
    FROM store.versions v
    JOIN store.artifacts a ON a.artifact_id = v.artifact_id
    LEFT JOIN store.executions e ON e.execution_id = v.execution_id
    LEFT JOIN store.homes h ON h.program_id = e.program_id
)
SELECT DISTINCT from_side, to_side
FROM (
    SELECT s.side AS from_side, 2 * h.place_id AS to_side
    FROM store.reads r JOIN sides s ON s.version_id = r.version_id JOIN store.homes h ON h.program_id = r.program_id
    UNION ALL
    SELECT 2 * h.place_id + 1, s.side
    FROM store.writes w JOIN sides s ON s.version_id = w.version_id JOIN store.homes h ON h.program_id = w.program_id
    UNION ALL
    SELECT 2 * o.place_id, 2 * p.place_id + 1
    FROM store.relations x
    JOIN store.homes o ON o.program_id = x.other_id JOIN store.homes p ON p.program_id = x.program_id
    UNION ALL
    SELECT i.side, o.side
    FROM store.links l JOIN sides i ON i.version_id = l.input_version_id JOIN sides o ON o.version_id = l.output_version_id
)
WHERE from_side <> to_side
ORDER BY from_side, to_side;
