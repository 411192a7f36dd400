-- The coarse graph of places takes in what the batch has added, so that it holds every path of every walk at all times.
-- A program gets its home when it first writes; one that only reads, when a related one has a home. Then all that
-- it has read so far goes into the graph, later only what is new. A home never changes; where a version gets
-- its writer late or turns out to be another, or an execution another program, its old side and its new one lead to each other.
-- Reads: arrived, made, passed, former, changed, regrouped.
CREATE OR REPLACE TEMP TABLE settled AS
SELECT w.program_id, a.place_id
FROM (
    SELECT program_id, arg_min(version_id, (closed_ns, version_id)) AS version_id
    FROM made
    WHERE program_id NOT IN (SELECT program_id FROM store.homes WHERE place_id IS NOT NULL)
    GROUP BY program_id
) w
JOIN store.versions v ON v.version_id = w.version_id
JOIN store.artifacts a ON a.artifact_id = v.artifact_id;

INSERT INTO settled
SELECT g.program_id, min(h.place_id)
FROM regrouped g JOIN store.homes h ON h.program_id = g.old_program_id
WHERE g.program_id NOT IN (SELECT program_id FROM settled)
    AND g.program_id NOT IN (SELECT program_id FROM store.homes WHERE place_id IS NOT NULL)
GROUP BY g.program_id
HAVING min(h.place_id) IS NOT NULL;

CREATE OR REPLACE TEMP TABLE waiting AS
SELECT program_id FROM (
    SELECT program_id FROM store.homes WHERE place_id IS NULL
    UNION SELECT program_id FROM arrived WHERE mode = 'read' AND version_id IS NOT NULL AND opens > 0
    UNION SELECT program_id FROM regrouped
)
WHERE program_id NOT IN (SELECT program_id FROM settled)
    AND program_id NOT IN (SELECT program_id FROM store.homes WHERE place_id IS NOT NULL);

INSERT INTO settled
SELECT x.other_id, min(h.place_id)
FROM (SELECT program_id, other_id FROM store.relations WHERE other_id IN (FROM waiting)) x
JOIN (FROM settled UNION ALL SELECT program_id, place_id FROM store.homes WHERE place_id IS NOT NULL) h
    ON h.program_id = x.program_id
GROUP BY x.other_id;

UPDATE store.homes AS h SET place_id = s.place_id
FROM settled s WHERE s.program_id = h.program_id AND h.place_id IS NULL;

INSERT INTO store.homes
SELECT program_id, min(place_id)
FROM (FROM settled UNION ALL SELECT program_id, NULL FROM waiting)
WHERE program_id NOT IN (SELECT program_id FROM store.homes)
GROUP BY program_id ORDER BY program_id;

-- What programs at home somewhere have read: of those that were settled now all, of others what is new.
CREATE OR REPLACE TEMP TABLE heard AS
SELECT r.version_id, 2 * h.place_id AS side
FROM (
    SELECT program_id, version_id FROM store.reads
    WHERE program_id IN (SELECT program_id FROM settled UNION ALL SELECT program_id FROM regrouped)
    UNION ALL
    SELECT program_id, version_id FROM arrived
    WHERE mode = 'read' AND version_id IS NOT NULL AND opens > 0
        AND program_id NOT IN (SELECT program_id FROM settled UNION ALL SELECT program_id FROM regrouped)
) r
JOIN store.homes h ON h.program_id = r.program_id AND h.place_id IS NOT NULL;

CREATE OR REPLACE TEMP TABLE sides AS
SELECT v.version_id, 2 * coalesce(h.place_id, a.place_id) + 1 AS side, 2 * a.place_id + 1 AS side_unseen
FROM (
    SELECT * FROM store.versions WHERE version_id IN (
        SELECT version_id FROM heard UNION ALL SELECT unnest([from_id, to_id]) FROM passed
        UNION ALL SELECT version_id FROM made WHERE NOT is_new
        UNION ALL SELECT version_id FROM former
    )
) v
JOIN store.artifacts a ON a.artifact_id = v.artifact_id
LEFT JOIN store.executions e ON e.execution_id = v.execution_id
LEFT JOIN store.homes h ON h.program_id = e.program_id;

INSERT INTO store.flows
SELECT DISTINCT from_side, to_side
FROM (
    SELECT s.side AS from_side, r.side AS to_side FROM heard r JOIN sides s ON s.version_id = r.version_id
    UNION ALL
    SELECT f.side, t.side FROM passed p JOIN sides f ON f.version_id = p.from_id JOIN sides t ON t.version_id = p.to_id
    UNION ALL
    SELECT unnest([s.side, s.side_unseen]), unnest([s.side_unseen, s.side])
    FROM made m JOIN sides s ON s.version_id = m.version_id WHERE NOT m.is_new
    UNION ALL
    SELECT unnest([s.side, 2 * f.place_id + 1]), unnest([2 * f.place_id + 1, s.side])
    FROM former f JOIN sides s ON s.version_id = f.version_id
    UNION ALL
    SELECT unnest([2 * o.place_id + 1, 2 * n.place_id + 1]), unnest([2 * n.place_id + 1, 2 * o.place_id + 1])
    FROM regrouped g
    JOIN store.homes o ON o.program_id = g.old_program_id JOIN store.homes n ON n.program_id = g.program_id
    UNION ALL
    SELECT 2 * o.place_id, 2 * p.place_id + 1
    FROM (
        WITH concerned AS MATERIALIZED (
            FROM changed UNION SELECT program_id FROM settled UNION SELECT program_id FROM regrouped
        )
        SELECT program_id, other_id FROM store.relations WHERE program_id IN (FROM concerned)
        UNION ALL SELECT program_id, other_id FROM store.relations WHERE other_id IN (FROM concerned)
    ) x
    JOIN store.homes o ON o.program_id = x.other_id JOIN store.homes p ON p.program_id = x.program_id
) f
WHERE from_side <> to_side
    AND NOT EXISTS (FROM store.flows k WHERE k.from_side = f.from_side AND k.to_side = f.to_side)
ORDER BY from_side, to_side;
