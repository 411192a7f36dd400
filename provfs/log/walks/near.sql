-- What may be on the way: the reads, writes and relations of programs whose homes the coarse walk has reached.
reading AS MATERIALIZED (
    SELECT program_id FROM store.homes WHERE place_id IN (SELECT side // 2 FROM coarse WHERE side % 2 = 0)
), writing AS MATERIALIZED (
    SELECT program_id FROM store.homes WHERE place_id IN (SELECT side // 2 FROM coarse WHERE side % 2 = 1)
), scratch AS MATERIALIZED (
    SELECT version_id FROM store.versions WHERE scratch
), near_reads AS MATERIALIZED (
    SELECT r.program_id, r.execution_id, r.thread, r.context, r.opened_ns, r.version_id,
        (s.version_id IS NOT NULL)::BIGINT AS passing
    FROM (SELECT * FROM store.reads WHERE program_id IN (FROM reading)) r
    LEFT JOIN scratch s ON s.version_id = r.version_id
), near_writes AS MATERIALIZED (
    SELECT w.program_id, w.execution_id, w.thread, w.context, w.copied, w.closed_ns, w.version_id, c.sources,
        (s.version_id IS NOT NULL)::BIGINT AS passing
    FROM (SELECT * FROM store.writes WHERE program_id IN (FROM writing)) w
    LEFT JOIN scratch s ON s.version_id = w.version_id
    LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
), near_relations AS MATERIALIZED (
    SELECT program_id, other_id, relation, started_ns, waited_ns, context, sources
    FROM store.relations WHERE program_id IN (FROM writing)
), near_links AS MATERIALIZED (
    SELECT l.input_version_id, l.output_version_id, coalesce(l.execution_id, 0) AS execution_id, l.confidence,
        CASE l.rule WHEN 'copy' THEN 1 ELSE 2 END AS rule, (i.version_id IS NOT NULL)::BIGINT AS input_passing,
        (o.version_id IS NOT NULL)::BIGINT AS output_passing
    FROM store.links l
    LEFT JOIN scratch i ON i.version_id = l.input_version_id LEFT JOIN scratch o ON o.version_id = l.output_version_id
)
