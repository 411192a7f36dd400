-- One rename or removal that was told twice, a moment apart: by a channel that knows no process and by one that does,
-- or by two channels that both know it, in one ingest or in two. Who knows the process, and then who tells more, stays.
-- Reads and rewrites: moves, removals. Adds to: late.
CREATE OR REPLACE TEMP MACRO told_better(execution_, channel_, other_execution, other_channel) AS
    (execution_ IS NOT NULL AND other_execution IS NULL)
    OR (execution_ = other_execution AND rank_of(channel_) < rank_of(other_channel));

CREATE OR REPLACE TEMP MACRO is_same_moment(at_ns_, other_ns) AS abs(at_ns_ - other_ns) < 1000000000;

CREATE OR REPLACE TEMP MACRO may_be_same(fingerprint_, other_fingerprint) AS
    coalesce(stem_of(fingerprint_) = stem_of(other_fingerprint), true);

-- What one process did is told apart by channel, however far apart it was told in one batch.
DELETE FROM moves AS p
WHERE rank_of(channel) > 1 AND (EXISTS (
    SELECT 1 FROM moves o
    WHERE o.execution_id = p.execution_id AND o.source_id = p.source_id AND o.target_id = p.target_id
        AND rank_of(o.channel) < rank_of(p.channel)
        AND (o.fingerprint IS NULL OR p.fingerprint IS NULL OR o.fingerprint = p.fingerprint)
) OR EXISTS (
    SELECT 1 FROM store.changes c
    WHERE c.execution_id = p.execution_id AND c.artifact_id = p.source_id AND c.kind = 'renamed'
        AND rank_of(c.channel) <> rank_of(p.channel) AND is_same_moment(c.at_ns, p.at_ns)
));

DELETE FROM removals AS p
WHERE rank_of(channel) > 1 AND EXISTS (
    SELECT 1 FROM removals o
    WHERE o.execution_id = p.execution_id AND o.artifact_id = p.artifact_id AND rank_of(o.channel) < rank_of(p.channel)
        AND (o.fingerprint IS NULL OR p.fingerprint IS NULL OR o.fingerprint = p.fingerprint)
);

CREATE OR REPLACE TEMP TABLE known AS
SELECT * FROM store.changes
WHERE kind IN ('renamed', 'removed') AND artifact_id IN (SELECT source_id FROM moves UNION SELECT artifact_id FROM removals);

DELETE FROM moves AS p
WHERE EXISTS (
    FROM moves o
    WHERE o.source_id = p.source_id AND o.target_id = p.target_id AND is_same_moment(o.at_ns, p.at_ns)
        AND may_be_same(o.fingerprint, p.fingerprint)
        AND told_better(o.execution_id, o.channel, p.execution_id, p.channel)
) OR EXISTS (
    FROM known c
    WHERE c.kind = 'renamed' AND c.artifact_id = p.source_id AND is_same_moment(c.at_ns, p.at_ns)
        AND told_better(c.execution_id, c.channel, p.execution_id, p.channel)
);

DELETE FROM removals AS p
WHERE EXISTS (
    FROM removals o
    WHERE o.artifact_id = p.artifact_id AND is_same_moment(o.at_ns, p.at_ns) AND may_be_same(o.fingerprint, p.fingerprint)
        AND told_better(o.execution_id, o.channel, p.execution_id, p.channel)
) OR EXISTS (
    FROM known c
    WHERE c.kind = 'removed' AND c.artifact_id = p.artifact_id AND is_same_moment(c.at_ns, p.at_ns)
        AND told_better(c.execution_id, c.channel, p.execution_id, p.channel)
);

DELETE FROM store.changes AS c
WHERE c.kind = 'removed' AND c.artifact_id IN (SELECT artifact_id FROM removals) AND EXISTS (
    FROM removals p
    WHERE p.artifact_id = c.artifact_id AND is_same_moment(c.at_ns, p.at_ns)
        AND told_better(p.execution_id, p.channel, c.execution_id, c.channel)
);

-- A rename that the log has already, now told by who knows better: it was then, and by this process.
CREATE OR REPLACE TEMP TABLE retold AS
SELECT p.row_id, p.execution_id, p.source_id, p.at_ns, p.channel, c.version_id, c.at_ns AS told_ns
FROM moves p
JOIN known c
    ON c.kind = 'renamed' AND c.artifact_id = p.source_id AND is_same_moment(c.at_ns, p.at_ns)
    AND told_better(p.execution_id, p.channel, c.execution_id, c.channel)
QUALIFY row_number() OVER (PARTITION BY p.row_id ORDER BY abs(c.at_ns - p.at_ns), c.at_ns) = 1
    AND row_number() OVER (PARTITION BY c.version_id, c.at_ns ORDER BY abs(c.at_ns - p.at_ns), p.row_id) = 1;

DELETE FROM moves WHERE row_id IN (SELECT row_id FROM retold);

UPDATE store.changes AS c SET at_ns = r.at_ns, execution_id = r.execution_id, channel = r.channel
FROM retold r WHERE c.kind = 'renamed' AND c.artifact_id = r.source_id AND c.version_id = r.version_id AND c.at_ns = r.told_ns;

UPDATE store.versions AS v SET created_ns = r.at_ns
FROM retold r JOIN store.links l ON l.rule = 'rename' AND l.input_version_id = r.version_id AND l.written_ns = r.told_ns
WHERE v.version_id = l.output_version_id;

UPDATE store.sightings AS s SET at_ns = r.at_ns
FROM retold r
LEFT JOIN store.links l ON l.rule = 'rename' AND l.input_version_id = r.version_id AND l.written_ns = r.told_ns
WHERE s.version_id IN (r.version_id, l.output_version_id) AND s.at_ns = r.told_ns;

UPDATE store.endings AS e SET ended_ns = r.at_ns
FROM retold r JOIN store.versions v ON v.artifact_id = r.source_id
WHERE e.version_id = v.version_id AND e.ended_ns = r.told_ns;

UPDATE store.links AS l SET execution_id = r.execution_id, read_ns = r.at_ns, written_ns = r.at_ns
FROM retold r WHERE l.rule = 'rename' AND l.input_version_id = r.version_id AND l.written_ns = r.told_ns;

INSERT INTO late SELECT version_id FROM retold;
