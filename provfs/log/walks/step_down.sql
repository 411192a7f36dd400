-- From versions to those that were written after they were read.
WITH readers AS (
    SELECT
        r.program_id, r.execution_id, r.thread, r.context, f.confidence, f.passed,
        max(store.months(f.carried)) // 16 AS depth, min(r.opened_ns) AS opened_ns
    FROM near_reads r
    JOIN walk f ON f.version_id = r.version_id
    GROUP BY r.program_id, r.execution_id, r.thread, r.context, f.confidence, f.passed
), reachable AS (
    SELECT
        p.*, x.program_id AS writer_program, x.relation, x.waited_ns, x.context AS child_context,
        x.sources AS child_sources
    FROM readers p
    JOIN near_relations x
        ON x.other_id = p.program_id AND (x.relation <> 'ancestor' OR p.opened_ns < x.started_ns)
), found AS (
    SELECT
        w.version_id, w.passing, p.passed, p.depth, w.execution_id,
        store.rule_between(p.relation, w.execution_id = p.execution_id) AS rule,
        least(p.confidence, store.confidence_between(
            p.relation, w.execution_id = p.execution_id, w.thread = p.thread, w.copied, p.context, w.context, w.sources,
            p.child_context, p.child_sources
        )) AS confidence
    FROM near_writes w
    JOIN reachable p ON p.writer_program = w.program_id
        AND CASE p.relation WHEN 'ancestor' THEN true
            WHEN 'descendant' THEN p.waited_ns < w.closed_ns ELSE p.opened_ns < w.closed_ns END
    UNION ALL
    SELECT
        l.output_version_id, l.output_passing, f.passed, store.months(f.carried) // 16, l.execution_id, l.rule,
        least(f.confidence, l.confidence)
    FROM walk f JOIN near_links l ON f.version_id = l.input_version_id
)
{hops}
