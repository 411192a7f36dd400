-- From versions to those that were read before they were written. The reads of a program meet one row per writing
-- thread, context and confidence, never one row per write.
WITH writers AS (
    SELECT
        w.program_id, w.execution_id, w.thread, w.context, w.copied, f.confidence, f.passed,
        max(store.months(f.carried)) // 16 AS depth, max(w.closed_ns) AS closed_ns, any_value(w.sources) AS sources
    FROM near_writes w
    JOIN walk f ON f.version_id = w.version_id
    GROUP BY w.program_id, w.execution_id, w.thread, w.context, w.copied, f.confidence, f.passed
), reachable AS (
    SELECT w.*, x.other_id, x.relation, x.started_ns, x.context AS child_context, x.sources AS child_sources
    FROM writers w
    JOIN near_relations x
        ON x.program_id = w.program_id AND (x.relation <> 'descendant' OR x.waited_ns < w.closed_ns)
), found AS (
    SELECT
        r.version_id, r.passing, p.passed, p.depth, p.execution_id,
        store.rule_between(p.relation, r.execution_id = p.execution_id) AS rule,
        least(p.confidence, store.confidence_between(
            p.relation, r.execution_id = p.execution_id, r.thread = p.thread, p.copied, r.context, p.context, p.sources,
            p.child_context, p.child_sources
        )) AS confidence
    FROM near_reads r
    JOIN reachable p ON p.other_id = r.program_id
        AND CASE p.relation WHEN 'ancestor' THEN r.opened_ns < p.started_ns
            WHEN 'descendant' THEN true ELSE r.opened_ns < p.closed_ns END
    UNION ALL
    SELECT
        l.input_version_id, l.input_passing, f.passed, store.months(f.carried) // 16, l.execution_id, l.rule,
        least(f.confidence, l.confidence)
    FROM walk f JOIN near_links l ON f.version_id = l.output_version_id
)
{hops}
