-- From versions to those that were written after they were read.
WITH read AS {materialized} (
    SELECT * FROM store.reads WHERE {version_id IN (SELECT version_id FROM walk)}
), readers AS {materialized} (
    SELECT
        r.program_id, r.execution_id, r.thread, r.context, f.confidence, f.passed,
        max(store.months(f.carried)) // 16 AS depth, min(r.opened_ns) AS opened_ns
    FROM read r
    JOIN {walk} f ON f.version_id = r.version_id
    GROUP BY ALL
), related AS {materialized} (
    SELECT * FROM store.relations WHERE {other_id IN (SELECT program_id FROM readers)}
), reachable AS {materialized} (
    SELECT
        p.*, x.program_id AS writer_program, x.relation, x.waited_ns, x.context AS child_context,
        x.sources AS child_sources
    FROM readers p
    JOIN related x
        ON x.other_id = p.program_id AND (x.relation <> 'ancestor' OR p.opened_ns < x.started_ns)
), written AS {materialized} (
    SELECT * FROM store.writes WHERE {program_id IN (SELECT writer_program FROM reachable)}
), found AS (
    SELECT
        w.version_id, p.passed, p.depth, w.execution_id,
        store.rule_between(p.relation, w.execution_id = p.execution_id) AS rule,
        least(p.confidence, store.confidence_between(
            p.relation, w.execution_id = p.execution_id, w.thread = p.thread, w.copied, p.context, w.context, c.sources,
            p.child_context, p.child_sources
        )) AS confidence
    FROM written w
    JOIN reachable p ON p.writer_program = w.program_id
        AND CASE p.relation WHEN 'ancestor' THEN true
            WHEN 'descendant' THEN p.waited_ns < w.closed_ns ELSE p.opened_ns < w.closed_ns END
    LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
    UNION ALL
    SELECT
        l.output_version_id, f.passed, store.months(f.carried) // 16, coalesce(l.execution_id, 0),
        CASE l.rule WHEN 'copy' THEN 1 ELSE 2 END, least(f.confidence, l.confidence)
    FROM {walk} f JOIN store.links l ON f.version_id = l.input_version_id
)
SELECT
    f.version_id, f.confidence, f.passed + (s.version_id IS NOT NULL)::BIGINT,
    store.carry(f.depth + (s.version_id IS NULL)::BIGINT, f.rule, f.execution_id)
FROM found f
LEFT JOIN (SELECT version_id FROM store.versions WHERE scratch) s ON s.version_id = f.version_id
WHERE f.confidence >= floor
