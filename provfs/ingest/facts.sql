-- For each stored table the number of its rows, and one number that is the same for the same rows in any order; free of
-- ids, and of what an ingest itself adds (its time, kinds by the patterns in force, who was known by then). Of endings
-- that which counts: a version that is replaced at once may or may not have been seen to go. How states of files were
-- told apart (sightings) shows in the versions of reads and writes.
-- Reads: kept_reads, kept_changes.
WITH who AS MATERIALIZED (
    SELECT execution_id, name FROM store.executions
), seen AS MATERIALIZED (
    SELECT v.version_id, hash(a.uri, v.fingerprint) AS of FROM store.versions v
    LEFT JOIN store.artifacts a ON a.artifact_id = v.artifact_id
)
SELECT 'artifacts', count(*), sum(hash(uri, first_seen_ns))::HUGEINT FROM store.artifacts
UNION ALL
SELECT 'versions', count(*), sum(hash(
    a.uri, v.digest, v.size_bytes, v.fingerprint, v.origin, v.created_ns, e.name, v.complete, v.scratch
))::HUGEINT
FROM store.versions v
LEFT JOIN store.artifacts a ON a.artifact_id = v.artifact_id LEFT JOIN who e ON e.execution_id = v.execution_id
UNION ALL
SELECT 'endings', count(*), sum(hash(s.of, x.ended_ns))::HUGEINT
FROM (
    SELECT v.version_id, least(
        lead(v.created_ns) OVER (PARTITION BY v.artifact_id ORDER BY v.created_ns, v.version_id),
        (SELECT min(d.ended_ns) FROM store.endings d WHERE d.version_id = v.version_id)
    ) AS ended_ns
    FROM store.versions v WHERE NOT v.scratch
) x
LEFT JOIN seen s ON s.version_id = x.version_id
WHERE x.ended_ns IS NOT NULL
UNION ALL
SELECT 'executions', count(*), sum(hash(
    e.name, p.name, g.name, e.host, e.pid, e.started_ns, e.user_name, e.command, e.cwd, e.executable, e.code_uri,
    e.code_digest, e.git_commit, e.git_dirty, e.job_system, e.job_key, e.rank, e.context, e.entry_pid,
    e.entry_started_ns, e.login_user, e.container, e.environment, e.packages, e.input_pipe, e.output_pipe
))::HUGEINT
FROM store.executions e
LEFT JOIN who p ON p.execution_id = e.parent_id LEFT JOIN who g ON g.execution_id = e.program_id
UNION ALL
SELECT 'code', count(*), sum(hash(e.name, x.uri, x.digest))::HUGEINT
FROM (SELECT DISTINCT * FROM store.code) x LEFT JOIN who e ON e.execution_id = x.execution_id
UNION ALL
SELECT 'packages', count(*), sum(hash(digest, names))::HUGEINT FROM (SELECT DISTINCT * FROM store.packages)
UNION ALL
SELECT 'contexts', count(*), sum(hash(e.name, x.context, x.kind, x.label, x.began_ns, x.sources))::HUGEINT
FROM store.contexts x LEFT JOIN who e ON e.execution_id = x.execution_id
UNION ALL
SELECT 'exits', count(*), sum(hash(
    e.name, x.ended_ns, x.exit_code, x.cpu_s, x.max_rss_bytes, x.read_bytes, x.written_bytes, x.lost_records
))::HUGEINT
FROM store.exits x LEFT JOIN who e ON e.execution_id = x.execution_id
UNION ALL
SELECT 'waits', count(*), sum(hash(
    e.name, x.child_pid, x.began_ns, x.at_ns, x.exit_code, x.cpu_s, x.max_rss_bytes, x.read_bytes, x.written_bytes
))::HUGEINT
FROM store.waits x LEFT JOIN who e ON e.execution_id = x.execution_id
UNION ALL
SELECT 'relations', count(*), sum(hash(
    p.name, o.name, x.relation, x.started_ns, x.waited_ns, x.context, x.sources
))::HUGEINT
FROM (SELECT DISTINCT * FROM store.relations) x
LEFT JOIN who p ON p.execution_id = x.program_id LEFT JOIN who o ON o.execution_id = x.other_id
UNION ALL
SELECT 'reads', count(*), sum(hash(
    e.name, g.name, s.of, r.opened_ns, r.closed_ns, r.opens, r.bytes, r.ranges, r.thread, r.context, r.channel,
    r.unstable
))::HUGEINT
FROM kept_reads r
LEFT JOIN who e ON e.execution_id = r.execution_id LEFT JOIN who g ON g.execution_id = r.program_id
LEFT JOIN seen s ON s.version_id = r.version_id
UNION ALL
SELECT 'writes', count(*), sum(hash(
    e.name, g.name, s.of, w.opened_ns, w.closed_ns, w.bytes, w.thread, w.context, w.channel, w.copied
))::HUGEINT
FROM store.writes w
LEFT JOIN who e ON e.execution_id = w.execution_id LEFT JOIN who g ON g.execution_id = w.program_id
LEFT JOIN seen s ON s.version_id = w.version_id
UNION ALL
SELECT 'links', count(*), sum(hash(i.of, o.of, e.name, l.rule, l.confidence, l.read_ns, l.written_ns))::HUGEINT
FROM store.links l
LEFT JOIN seen i ON i.version_id = l.input_version_id LEFT JOIN seen o ON o.version_id = l.output_version_id
LEFT JOIN who e ON e.execution_id = l.execution_id
UNION ALL
SELECT 'openings', count(*), sum(hash(e.name, x.id, a.uri, x.opened_ns, x.thread, x.context, x.channel))::HUGEINT
FROM store.openings x
LEFT JOIN who e ON e.execution_id = x.execution_id LEFT JOIN store.artifacts a ON a.artifact_id = x.artifact_id
UNION ALL
SELECT 'changes', count(*), sum(hash(x.at_ns, a.uri, x.kind, x.channel))::HUGEINT
FROM kept_changes x LEFT JOIN store.artifacts a ON a.artifact_id = x.artifact_id
UNION ALL
SELECT 'gaps', count(*), sum(hash(
    CASE WHEN x.kind NOT IN ('broken-line', 'torn-journal') THEN x.at_ns END, e.name, x.channel, x.kind, x.count, x.detail
))::HUGEINT
FROM store.gaps x LEFT JOIN who e ON e.execution_id = x.execution_id
UNION ALL
SELECT 'boots', count(*), sum(hash(boot, host, clock, offset_ns))::HUGEINT FROM store.boots;
