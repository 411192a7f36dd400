-- From versions to those that were read before they were written. The reads of a program meet one row per writing
-- thread, context and confidence, never one row per write.
WITH written AS {materialized} (
    SELECT * FROM store.writes WHERE {version_id IN (SELECT version_id FROM walk)}
), writers AS {materialized} (
    SELECT
        w.program_id, w.execution_id, w.thread, w.context, w.copied, f.confidence, f.passed,
        max(store.months(f.carried)) // 16 AS depth, max(w.closed_ns) AS closed_ns
    FROM written w
    JOIN {walk} f ON f.version_id = w.version_id
    GROUP BY ALL
), related AS {materialized} (
    SELECT * FROM store.relations WHERE {program_id IN (SELECT program_id FROM writers)}
), reachable AS {materialized} (
    SELECT
        w.*, c.sources, x.other_id, x.relation, x.started_ns, x.context AS child_context, x.sources AS child_sources
    FROM writers w
    LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
    JOIN related x
        ON x.program_id = w.program_id AND (x.relation <> 'descendant' OR x.waited_ns < w.closed_ns)
), read AS {materialized} (
    SELECT * FROM store.reads WHERE {program_id IN (SELECT other_id FROM reachable)}
), found AS (
    SELECT
        r.version_id, p.passed, p.depth, p.execution_id,
        store.rule_between(p.relation, r.execution_id = p.execution_id) AS rule,
        least(p.confidence, store.confidence_between(
            p.relation, r.execution_id = p.execution_id, r.thread = p.thread, p.copied, r.context, p.context, p.sources,
            p.child_context, p.child_sources
        )) AS confidence
    FROM read r
    JOIN reachable p ON p.other_id = r.program_id
        AND CASE p.relation WHEN 'ancestor' THEN r.opened_ns < p.started_ns
            WHEN 'descendant' THEN true ELSE r.opened_ns < p.closed_ns END
    UNION ALL
    SELECT
        l.input_version_id, f.passed, store.months(f.carried) // 16, coalesce(l.execution_id, 0),
        CASE l.rule WHEN 'copy' THEN 1 ELSE 2 END, least(f.confidence, l.confidence)
    FROM {walk} f JOIN store.links l ON f.version_id = l.output_version_id
)
SELECT
    f.version_id, f.confidence, f.passed + (s.version_id IS NOT NULL)::BIGINT,
    store.carry(f.depth + (s.version_id IS NULL)::BIGINT, f.rule, f.execution_id)
FROM found f
LEFT JOIN (SELECT version_id FROM store.versions WHERE scratch) s ON s.version_id = f.version_id
WHERE f.confidence >= floor
