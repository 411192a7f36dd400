-- Current outputs whose inputs have a newer version with other content, or are such outputs themselves. An output that
-- was also made from the newer version is up to date with it.
-- Reads and writes do not meet in pairs: of all reads by one thread and context, and of one confidence, the earliest
-- stands for the others, because what it led to is all that any of them led to. Only where a program may have had the
-- newer version as well (`contested`) each pair is looked at.
CREATE OR REPLACE MACRO stale() AS TABLE
WITH RECURSIVE newest AS MATERIALIZED (
    SELECT artifact_id, max({'created_ns': created_ns, 'version_id': version_id, 'digest': digest}) AS last
    FROM store.versions WHERE NOT scratch GROUP BY artifact_id
), current AS MATERIALIZED (
    SELECT last.version_id AS version_id, artifact_id, last.digest AS digest FROM newest
    WHERE last.version_id NOT IN (SELECT version_id FROM store.endings)
), old AS MATERIALIZED (
    SELECT v.version_id, v.artifact_id, n.last.version_id AS newer_id
    FROM store.versions v JOIN newest n ON n.artifact_id = v.artifact_id
    WHERE NOT v.scratch AND v.version_id <> n.last.version_id
        AND (v.digest IS DISTINCT FROM n.last.digest OR v.digest IS NULL)
), newer AS MATERIALIZED (
    SELECT DISTINCT newer_id AS version_id FROM old
),
-- What went into scratch files, at any distance: reading such a file is reading that.
into_scratch AS MATERIALIZED (
    SELECT DISTINCT input_version_id, output_version_id, confidence
    FROM store.named_evidence WHERE confidence >= 0.5 AND output_scratch
), through(input_version_id, scratch_id, confidence) AS (
    FROM into_scratch
    UNION
    SELECT t.input_version_id, i.output_version_id, least(t.confidence, i.confidence)
    FROM through t JOIN into_scratch i ON i.input_version_id = t.scratch_id
), uses AS MATERIALIZED (
    SELECT r.program_id, r.execution_id, r.thread, r.context, r.version_id, r.opened_ns, 1.0::DOUBLE AS confidence
    FROM store.reads r
    WHERE r.version_id IN (SELECT version_id FROM old UNION ALL FROM newer)
    UNION ALL
    SELECT r.program_id, r.execution_id, r.thread, r.context, t.input_version_id, r.opened_ns, t.confidence
    FROM through t JOIN store.reads r ON r.version_id = t.scratch_id
    WHERE t.input_version_id IN (SELECT version_id FROM old UNION ALL FROM newer)
), linked AS MATERIALIZED (
    SELECT l.input_version_id, l.output_version_id, l.confidence, l.read_ns, c.artifact_id
    FROM store.links l JOIN current c ON c.version_id = l.output_version_id
    WHERE l.confidence >= 0.5
    UNION ALL
    SELECT t.input_version_id, l.output_version_id, least(t.confidence, l.confidence), l.read_ns, c.artifact_id
    FROM through t JOIN store.links l ON l.input_version_id = t.scratch_id
    JOIN current c ON c.version_id = l.output_version_id
    WHERE l.confidence >= 0.5
), made AS MATERIALIZED ( -- seen copies have no edges but their links
    SELECT w.version_id, c.artifact_id, w.program_id, w.execution_id, w.thread, w.context, w.closed_ns, x.sources
    FROM store.writes w
    JOIN current c ON c.version_id = w.version_id
    LEFT JOIN store.contexts x ON x.execution_id = w.execution_id AND x.context = w.context
    WHERE w.copied IS NOT true
), related AS MATERIALIZED (
    SELECT * FROM store.relations WHERE program_id IN (SELECT program_id FROM made)
), reaching AS MATERIALIZED (
    SELECT DISTINCT x.program_id AS writer_program, u.version_id
    FROM (SELECT DISTINCT program_id, version_id FROM uses WHERE version_id IN (SELECT version_id FROM old UNION ALL FROM newer)) u
    JOIN related x ON x.other_id = u.program_id
), awaiting AS MATERIALIZED (
    SELECT r.writer_program, r.version_id, o.newer_id FROM reaching r JOIN old o ON o.version_id = r.version_id
), contested AS MATERIALIZED (
    SELECT writer_program, version_id, newer_id FROM awaiting
    WHERE (writer_program, newer_id) IN (SELECT (writer_program, version_id) FROM reaching WHERE version_id IN (FROM newer))
), mixed AS MATERIALIZED ( -- what was made in two ways
    SELECT output_version_id AS version_id FROM linked WHERE output_version_id IN (SELECT version_id FROM made)
    UNION SELECT version_id FROM made GROUP BY version_id HAVING count(DISTINCT program_id) > 1
),
-- Of each group the earliest read, and the earliest one of another artifact: nothing is stale because of itself.
ranked AS (
    SELECT
        x.program_id AS writer_program, x.relation, x.started_ns, x.waited_ns, x.context AS child_context,
        x.sources AS child_sources, u.program_id, u.execution_id, u.thread, u.context, u.confidence, o.artifact_id,
        min({'opened_ns': u.opened_ns, 'version_id': u.version_id, 'newer_id': o.newer_id}) AS earliest
    FROM uses u
    JOIN old o ON o.version_id = u.version_id
    JOIN related x ON x.other_id = u.program_id
    WHERE NOT EXISTS (FROM contested c WHERE c.writer_program = x.program_id AND c.version_id = u.version_id)
    GROUP BY ALL
), first_reads AS MATERIALIZED (
    FROM ranked
    QUALIFY row_number() OVER (
        PARTITION BY writer_program, relation, started_ns, waited_ns, child_context, child_sources, program_id,
            execution_id, thread, context, confidence
        ORDER BY earliest
    ) <= 2
), asked AS MATERIALIZED (
    SELECT a.is_mixed, x.*, u.version_id AS input_version_id, u.opened_ns, u.execution_id, u.thread,
        u.context AS read_context, u.confidence
    FROM (
        SELECT writer_program, version_id, false AS is_mixed FROM contested
        UNION SELECT writer_program, newer_id, false FROM contested
        UNION ALL SELECT writer_program, version_id, true FROM reaching
        WHERE writer_program IN (SELECT program_id FROM made WHERE version_id IN (FROM mixed))
    ) a
    JOIN uses u ON u.version_id = a.version_id
    JOIN related x ON x.program_id = a.writer_program AND x.other_id = u.program_id
), answering AS MATERIALIZED (
    SELECT false AS is_mixed, * FROM made UNION ALL SELECT true, * FROM made WHERE version_id IN (FROM mixed)
), doubtful AS MATERIALIZED (
    SELECT
        a.input_version_id, m.version_id AS output_version_id, m.artifact_id, a.opened_ns,
        least(a.confidence, store.confidence_between(
            a.relation, a.execution_id = m.execution_id, a.thread = m.thread, false, a.read_context, m.context,
            m.sources, a.context, a.sources
        )) AS confidence
    FROM asked a
    JOIN answering m ON m.program_id = a.program_id AND m.is_mixed = a.is_mixed AND m.version_id <> a.input_version_id
        AND store.follows(a.relation, a.opened_ns, m.closed_ns, a.started_ns, a.waited_ns)
), paired AS MATERIALIZED (
    SELECT input_version_id, output_version_id, artifact_id, confidence, opened_ns FROM doubtful WHERE confidence >= 0.5
    UNION ALL SELECT input_version_id, output_version_id, artifact_id, confidence, read_ns FROM linked
), direct AS MATERIALIZED (
    SELECT
        m.version_id, f.earliest, least(f.confidence, store.confidence_between(
            f.relation, f.execution_id = m.execution_id, f.thread = m.thread, false, f.context, m.context, m.sources,
            f.child_context, f.child_sources
        )) AS confidence
    FROM first_reads f
    JOIN made m ON m.program_id = f.writer_program AND m.artifact_id <> f.artifact_id
        AND store.follows(f.relation, f.earliest.opened_ns, m.closed_ns, f.started_ns, f.waited_ns)
    WHERE m.version_id NOT IN (FROM mixed)
    UNION ALL
    SELECT p.output_version_id, {'opened_ns': p.opened_ns, 'version_id': p.input_version_id, 'newer_id': o.newer_id}, p.confidence
    FROM paired p
    JOIN old o ON o.version_id = p.input_version_id AND o.artifact_id <> p.artifact_id
    WHERE NOT EXISTS (
        FROM paired n WHERE n.output_version_id = p.output_version_id AND n.input_version_id = o.newer_id
    )
), found(version_id, input_version_id, newer_version_id, depth, confidence) USING KEY (version_id) AS (
    SELECT version_id, min(earliest).version_id, min(earliest).newer_id, 1::BIGINT, max(confidence)
    FROM direct WHERE confidence >= 0.5
    GROUP BY version_id
    UNION
    (
        WITH taken AS (
            SELECT version_id AS found_id, version_id, depth, confidence FROM found
            UNION ALL
            SELECT f.version_id, t.scratch_id, f.depth, least(f.confidence, t.confidence)
            FROM found f JOIN through t ON t.input_version_id = f.version_id
        ), readers AS (
            SELECT
                r.program_id, r.execution_id, r.thread, r.context, t.confidence, max(t.depth) AS depth,
                min({'opened_ns': r.opened_ns, 'version_id': t.found_id}) AS earliest
            FROM taken t
            JOIN (SELECT * FROM store.reads WHERE version_id IN (SELECT version_id FROM taken)) r ON r.version_id = t.version_id
            GROUP BY ALL
        ), led_to AS (
            SELECT
                m.version_id, r.earliest.version_id AS input_version_id, r.depth, r.confidence AS path,
                store.confidence_between(
                    x.relation, r.execution_id = m.execution_id, r.thread = m.thread, false, r.context, m.context,
                    m.sources, x.context, x.sources
                ) AS step
            FROM readers r
            JOIN related x ON x.other_id = r.program_id
            JOIN made m ON m.program_id = x.program_id
                AND store.follows(x.relation, r.earliest.opened_ns, m.closed_ns, x.started_ns, x.waited_ns)
            UNION ALL
            SELECT l.output_version_id, l.input_version_id, f.depth, f.confidence, l.confidence
            FROM found f JOIN linked l ON l.input_version_id = f.version_id
        )
        SELECT version_id, min(input_version_id), NULL::BIGINT, max(depth) + 1, max(least(path, step))
        FROM led_to
        WHERE step >= 0.5 AND version_id NOT IN (SELECT version_id FROM recurring.found)
        GROUP BY version_id
    )
)
SELECT
    a.uri, f.version_id, c.digest, f.depth, ia.uri AS input_uri, f.input_version_id, f.newer_version_id, f.confidence
FROM found f
JOIN current c ON c.version_id = f.version_id
JOIN store.artifacts a ON a.artifact_id = c.artifact_id
JOIN store.versions i ON i.version_id = f.input_version_id
JOIN store.artifacts ia ON ia.artifact_id = i.artifact_id
ORDER BY f.depth, a.uri;
COMMENT ON MACRO TABLE stale IS 'Current outputs of which an input has a newer version with other content, directly or further up';
