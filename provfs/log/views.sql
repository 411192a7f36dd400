-- The public views of the lineage log. A contract: columns are added, never changed or removed.
-- Times are TIMESTAMP WITH TIME ZONE, sizes bytes, durations seconds.
-- The child is named where the parent knew it; else it is the one with this process id.
CREATE OR REPLACE VIEW store.ended_waits AS
SELECT child_id, at_ns, exit_code, cpu_s, max_rss_bytes, read_bytes, written_bytes
FROM store.waits WHERE child_id IS NOT NULL
UNION ALL
SELECT c.execution_id, w.at_ns, w.exit_code, w.cpu_s, w.max_rss_bytes, w.read_bytes, w.written_bytes
FROM store.waits w
JOIN store.executions c ON c.parent_id = w.execution_id AND c.pid = w.child_pid AND c.started_ns <= w.at_ns
WHERE w.child_id IS NULL;
COMMENT ON VIEW store.ended_waits IS 'Who waited for which process: one row for each wait and child that it may mean';

CREATE OR REPLACE VIEW executions AS
SELECT
    e.execution_id, e.parent_id, e.program_id, e.host, e.pid,
    make_timestamptz(e.started_ns // 1000) AS started_at,
    make_timestamptz(coalesce(x.ended_ns, w.at_ns) // 1000) AS ended_at,
    coalesce(w.exit_code, x.exit_code) AS exit_code,
    e.user_name, e.command, e.cwd, e.executable, e.code_digest, e.git_commit, e.git_dirty,
    e.job_system, e.job_key, e.rank, e.context,
    greatest(x.cpu_s, w.cpu_s) AS cpu_s, greatest(x.max_rss_bytes, w.max_rss_bytes) AS max_rss_bytes,
    greatest(x.read_bytes, w.read_bytes) AS read_bytes, greatest(x.written_bytes, w.written_bytes) AS written_bytes,
    coalesce(x.lost_records, 0) AS lost_records,
    e.code_uri, e.name, e.login_user, e.container, e.environment, e.packages AS packages_digest
FROM store.executions e
LEFT JOIN (
    SELECT execution_id, max(ended_ns) AS ended_ns, arg_max(exit_code, ended_ns) AS exit_code, max(cpu_s) AS cpu_s,
        max(max_rss_bytes) AS max_rss_bytes, max(read_bytes) AS read_bytes, max(written_bytes) AS written_bytes,
        max(lost_records) AS lost_records
    FROM store.exits GROUP BY execution_id
) x ON x.execution_id = e.execution_id
LEFT JOIN (
    SELECT w.child_id AS execution_id, min(w.at_ns) AS at_ns, arg_min(w.exit_code, w.at_ns) AS exit_code,
        max(w.cpu_s) AS cpu_s, max(w.max_rss_bytes) AS max_rss_bytes, max(w.read_bytes) AS read_bytes,
        max(w.written_bytes) AS written_bytes
    FROM store.ended_waits w GROUP BY w.child_id
) w ON w.execution_id = e.execution_id;
COMMENT ON VIEW executions IS 'One row per operating-system process';
COMMENT ON COLUMN executions.execution_id IS 'Id of the execution';
COMMENT ON COLUMN executions.parent_id IS 'Nearest captured ancestor; null where none';
COMMENT ON COLUMN executions.program_id IS 'Executions that share data without files have the same';
COMMENT ON COLUMN executions.host IS 'Host name';
COMMENT ON COLUMN executions.pid IS 'Process id';
COMMENT ON COLUMN executions.started_at IS 'Start';
COMMENT ON COLUMN executions.ended_at IS 'End; null while it runs or where the end was not seen';
COMMENT ON COLUMN executions.exit_code IS 'Exit status, -N when ended by signal N; null where not known';
COMMENT ON COLUMN executions.user_name IS 'User the process ran as';
COMMENT ON COLUMN executions.command IS 'Command line, secrets removed';
COMMENT ON COLUMN executions.cwd IS 'Working directory at the start';
COMMENT ON COLUMN executions.executable IS 'Path of the program file';
COMMENT ON COLUMN executions.code_digest IS 'Digest of the main script';
COMMENT ON COLUMN executions.git_commit IS 'Commit that was checked out; null outside a repository';
COMMENT ON COLUMN executions.git_dirty IS 'Whether tracked files differed from it; null where not known';
COMMENT ON COLUMN executions.job_system IS 'Batch or workflow system; null where none';
COMMENT ON COLUMN executions.job_key IS 'Key that all processes of one job share';
COMMENT ON COLUMN executions.rank IS 'Rank within the job';
COMMENT ON COLUMN executions.context IS 'Notebook, task or request';
COMMENT ON COLUMN executions.cpu_s IS 'User and system time, seconds';
COMMENT ON COLUMN executions.max_rss_bytes IS 'Peak resident memory';
COMMENT ON COLUMN executions.read_bytes IS 'Bytes read by system calls';
COMMENT ON COLUMN executions.written_bytes IS 'Bytes written by system calls';
COMMENT ON COLUMN executions.lost_records IS 'Records that could not be written';
COMMENT ON COLUMN executions.code_uri IS 'Main script';
COMMENT ON COLUMN executions.name IS 'Name in the journals: boot-pid-start';
COMMENT ON COLUMN executions.login_user IS 'User who logged in, where another user runs the process; null where not known';
COMMENT ON COLUMN executions.container IS 'Id of the container; null outside one';
COMMENT ON COLUMN executions.environment IS 'Chosen environment variables as NAME=value, secrets removed';
COMMENT ON COLUMN executions.packages_digest IS 'Digest of the installed packages, see packages; null where not known';

CREATE OR REPLACE VIEW code AS
SELECT DISTINCT execution_id, uri, digest FROM store.code;
COMMENT ON VIEW code IS 'One row per file of the project''s own code that an execution ran or imported, besides its main script';
COMMENT ON COLUMN code.execution_id IS 'The execution';
COMMENT ON COLUMN code.uri IS 'Uri of the file';
COMMENT ON COLUMN code.digest IS 'Digest of the file as it was then';

CREATE OR REPLACE VIEW packages AS
SELECT DISTINCT
    digest AS packages_digest, split_part(package, '==', 1) AS name, split_part(package, '==', 2) AS version
FROM (SELECT digest, unnest(names) AS package FROM store.packages);
COMMENT ON VIEW packages IS 'One row per installed package of each set of packages that executions had';
COMMENT ON COLUMN packages.packages_digest IS 'Digest of the set, as in executions';
COMMENT ON COLUMN packages.name IS 'Name of the package';
COMMENT ON COLUMN packages.version IS 'Its version';

CREATE OR REPLACE VIEW contexts AS
SELECT execution_id, context, kind, label, make_timestamptz(began_ns // 1000) AS began_at, sources FROM store.contexts;
COMMENT ON VIEW contexts IS 'One row per border inside an execution: a notebook cell, a task or a request';
COMMENT ON COLUMN contexts.execution_id IS 'The execution';
COMMENT ON COLUMN contexts.context IS 'Name of the context, as in accesses';
COMMENT ON COLUMN contexts.kind IS 'cell, task or request';
COMMENT ON COLUMN contexts.label IS 'What people call it; null where nothing';
COMMENT ON COLUMN contexts.began_at IS 'When it began';
COMMENT ON COLUMN contexts.sources IS 'Earlier contexts of the execution whose data it uses; null where not known, then all';

CREATE OR REPLACE VIEW artifacts AS
SELECT
    a.artifact_id, a.uri, a.kind, count(*) AS versions,
    make_timestamptz(min(a.first_seen_ns) // 1000) AS first_seen_at,
    make_timestamptz(max(v.created_ns) // 1000) AS last_changed_at
FROM store.artifacts a
JOIN store.versions v ON v.artifact_id = a.artifact_id AND NOT v.scratch
GROUP BY a.artifact_id, a.uri, a.kind;
COMMENT ON VIEW artifacts IS 'One row per place that holds bytes over time; scratch files are left out';
COMMENT ON COLUMN artifacts.artifact_id IS 'Id of the artifact';
COMMENT ON COLUMN artifacts.uri IS 'Canonical uri';
COMMENT ON COLUMN artifacts.kind IS 'dataset, model, metrics, config or other';
COMMENT ON COLUMN artifacts.versions IS 'Number of versions known';
COMMENT ON COLUMN artifacts.first_seen_at IS 'First mention';
COMMENT ON COLUMN artifacts.last_changed_at IS 'When its newest version came to be';

-- By uri as well, although the artifact says it, so that a filter on the uri leaves out the versions of all others.
CREATE OR REPLACE VIEW versions AS
SELECT
    v.version_id, v.artifact_id, a.uri, v.digest, v.size_bytes, v.fingerprint, a.kind, v.origin,
    make_timestamptz(v.created_ns // 1000) AS created_at, v.execution_id,
    make_timestamptz(least(
        lead(v.created_ns) OVER (PARTITION BY v.artifact_id, a.uri ORDER BY v.created_ns, v.version_id),
        (SELECT min(d.ended_ns) FROM store.endings d WHERE d.version_id = v.version_id)
    ) // 1000) AS ended_at,
    v.complete,
    row_number() OVER (PARTITION BY v.artifact_id, a.uri ORDER BY v.created_ns, v.version_id) AS ordinal
FROM store.versions v
JOIN store.artifacts a ON a.artifact_id = v.artifact_id
WHERE NOT v.scratch;
COMMENT ON VIEW versions IS 'One row per immutable state of an artifact; scratch files are left out';
COMMENT ON COLUMN versions.version_id IS 'Id of the version';
COMMENT ON COLUMN versions.artifact_id IS 'Its artifact';
COMMENT ON COLUMN versions.uri IS 'Uri of the artifact';
COMMENT ON COLUMN versions.digest IS 'Tagged digest of the whole content; null where it could not be had';
COMMENT ON COLUMN versions.size_bytes IS 'Size; null where not known';
COMMENT ON COLUMN versions.fingerprint IS 'Fingerprint when it was first seen';
COMMENT ON COLUMN versions.kind IS 'Kind of the artifact';
COMMENT ON COLUMN versions.origin IS 'written, observed or renamed';
COMMENT ON COLUMN versions.created_at IS 'When it came to be';
COMMENT ON COLUMN versions.execution_id IS 'The writer; null where unknown';
COMMENT ON COLUMN versions.ended_at IS 'When it was replaced, removed or moved away; null while it is current';
COMMENT ON COLUMN versions.complete IS 'False where the writer did not close it in order';
COMMENT ON COLUMN versions.ordinal IS '1 for the oldest known version of the artifact; name@2 in commands means ordinal 2';

CREATE OR REPLACE VIEW accesses AS
SELECT
    x.execution_id, x.program_id, x.version_id, a.uri, v.digest, x.mode,
    make_timestamptz(x.opened_ns // 1000) AS opened_at, make_timestamptz(x.closed_ns // 1000) AS closed_at,
    x.opens, x.bytes, x.ranges, x.channel, x.unstable, x.thread, x.context
FROM (
    SELECT execution_id, program_id, version_id, 'read' AS mode, opened_ns, closed_ns, opens, bytes, ranges, channel,
        unstable, thread, context
    FROM store.reads
    UNION ALL
    SELECT execution_id, program_id, version_id, 'write', opened_ns, closed_ns, 1, bytes, NULL, channel, false, thread,
        context
    FROM store.writes
) x
JOIN store.versions v ON v.version_id = x.version_id AND NOT v.scratch
JOIN store.artifacts a ON a.artifact_id = v.artifact_id;
COMMENT ON VIEW accesses IS 'One row per opening of a version by an execution, repeated openings merged';
COMMENT ON COLUMN accesses.execution_id IS 'The execution';
COMMENT ON COLUMN accesses.program_id IS 'Its program';
COMMENT ON COLUMN accesses.version_id IS 'The version';
COMMENT ON COLUMN accesses.uri IS 'Uri of its artifact';
COMMENT ON COLUMN accesses.digest IS 'Digest of the version';
COMMENT ON COLUMN accesses.mode IS 'read or write; a file changed in place has one of each';
COMMENT ON COLUMN accesses.opened_at IS 'First open';
COMMENT ON COLUMN accesses.closed_at IS 'Last close';
COMMENT ON COLUMN accesses.opens IS 'How often it was opened';
COMMENT ON COLUMN accesses.bytes IS 'Bytes moved; null where not known';
COMMENT ON COLUMN accesses.ranges IS 'Byte ranges [start, end) that were read; null for the whole content or where not known';
COMMENT ON COLUMN accesses.channel IS 'What saw it: fsspec, open, audit, preload or agent';
COMMENT ON COLUMN accesses.unstable IS 'True where the content changed while it was read';
COMMENT ON COLUMN accesses.thread IS 'Thread or task; null where not known';
COMMENT ON COLUMN accesses.context IS 'Notebook cell, task or request; null where none is known';

-- The best of some evidence: the surest, then the rule that comes first, then the earliest read.
CREATE OR REPLACE MACRO store.strongest(confidence, precedence, read_ns, written_ns, execution_id) AS max({
    'confidence': confidence, 'precedence': -precedence, 'earliest': -read_ns, 'read_ns': read_ns,
    'written_ns': written_ns, 'execution_id': execution_id
});
COMMENT ON MACRO store.strongest IS 'The best of some evidence: the surest, then the rule with the smallest number, then the earliest read';

CREATE OR REPLACE VIEW all_edges AS
SELECT
    input_version_id, input_uri, input_digest, output_version_id, output_uri, output_digest,
    best.execution_id AS execution_id, store.rule_of(-best.precedence) AS rule, best.confidence AS confidence,
    make_timestamptz(best.read_ns // 1000) AS read_at, make_timestamptz(best.written_ns // 1000) AS written_at
FROM (
    SELECT
        input_version_id, input_uri, input_digest, output_version_id, output_uri, output_digest,
        store.strongest(confidence, precedence, read_ns, written_ns, execution_id) AS best
    FROM store.named_evidence
    GROUP BY ALL
);
COMMENT ON VIEW all_edges IS 'Every inferred edge, also weak ones and those from and to scratch files; one row per pair, strongest rule';
COMMENT ON COLUMN all_edges.input_version_id IS 'The version that the output depends on';
COMMENT ON COLUMN all_edges.input_uri IS 'Its uri';
COMMENT ON COLUMN all_edges.input_digest IS 'Its digest';
COMMENT ON COLUMN all_edges.output_version_id IS 'The version that depends on the input';
COMMENT ON COLUMN all_edges.output_uri IS 'Its uri';
COMMENT ON COLUMN all_edges.output_digest IS 'Its digest';
COMMENT ON COLUMN all_edges.execution_id IS 'The execution that wrote the output; null where not seen';
COMMENT ON COLUMN all_edges.rule IS 'Why the edge was inferred';
COMMENT ON COLUMN all_edges.confidence IS '0 to 1';
COMMENT ON COLUMN all_edges.read_at IS 'When the input was opened';
COMMENT ON COLUMN all_edges.written_at IS 'When the output was closed';

CREATE OR REPLACE VIEW edges AS
WITH RECURSIVE leaving AS MATERIALIZED (
    FROM store.named_evidence WHERE confidence >= 0.5 AND input_scratch
), through AS (
    FROM store.named_evidence WHERE confidence >= 0.5 AND output_scratch
    UNION
    SELECT
        t.input_version_id, t.input_uri, t.input_digest, t.input_scratch, e.output_version_id, e.output_uri,
        e.output_digest, e.output_scratch, e.execution_id, e.precedence, least(t.confidence, e.confidence), t.read_ns,
        e.written_ns
    FROM through t
    JOIN leaving e ON e.input_version_id = t.output_version_id AND e.output_version_id <> t.input_version_id
), visible AS (
    FROM store.named_evidence WHERE confidence >= 0.5 AND NOT input_scratch AND NOT output_scratch
    UNION ALL
    FROM through WHERE NOT input_scratch AND NOT output_scratch
)
SELECT
    input_version_id, input_uri, input_digest, output_version_id, output_uri, output_digest,
    best.execution_id AS execution_id, store.rule_of(-best.precedence) AS rule, best.confidence AS confidence,
    make_timestamptz(best.read_ns // 1000) AS read_at, make_timestamptz(best.written_ns // 1000) AS written_at
FROM (
    SELECT
        input_version_id, input_uri, input_digest, output_version_id, output_uri, output_digest,
        store.strongest(confidence, precedence, read_ns, written_ns, execution_id) AS best
    FROM visible
    GROUP BY ALL
);
COMMENT ON VIEW edges IS 'Inferred edges of confidence 0.5 or more, one row per pair, strongest rule; edges pass through scratch files';
COMMENT ON COLUMN edges.input_version_id IS 'The version that the output depends on';
COMMENT ON COLUMN edges.input_uri IS 'Its uri';
COMMENT ON COLUMN edges.input_digest IS 'Its digest';
COMMENT ON COLUMN edges.output_version_id IS 'The version that depends on the input';
COMMENT ON COLUMN edges.output_uri IS 'Its uri';
COMMENT ON COLUMN edges.output_digest IS 'Its digest';
COMMENT ON COLUMN edges.execution_id IS 'The execution that wrote the output; null where not seen';
COMMENT ON COLUMN edges.rule IS 'Why the edge was inferred';
COMMENT ON COLUMN edges.confidence IS '0.5 to 1';
COMMENT ON COLUMN edges.read_at IS 'When the input was opened';
COMMENT ON COLUMN edges.written_at IS 'When the output was closed';

CREATE OR REPLACE VIEW changes AS
SELECT make_timestamptz(c.at_ns // 1000) AS at, a.uri, c.kind, c.version_id,
    coalesce(c.execution_id, CASE WHEN c.kind IN ('created', 'modified') THEN v.execution_id END) AS execution_id, c.channel
FROM store.changes c
JOIN store.artifacts a ON a.artifact_id = c.artifact_id
LEFT JOIN store.versions v ON v.version_id = c.version_id
WHERE c.kind <> 'removed' OR c.version_id IS NOT NULL;
COMMENT ON VIEW changes IS 'What happened to artifacts other than through an access of a known execution';
COMMENT ON COLUMN changes.at IS 'When';
COMMENT ON COLUMN changes.uri IS 'Uri of the artifact';
COMMENT ON COLUMN changes.kind IS 'removed, renamed; where nobody is known to have done it also created, modified, observed (found as it is), attributes, read';
COMMENT ON COLUMN changes.version_id IS 'The version that was there, or that came with it; null where none is known';
COMMENT ON COLUMN changes.execution_id IS 'Who did it; null where not known';
COMMENT ON COLUMN changes.channel IS 'What saw it';

CREATE OR REPLACE VIEW gaps AS
SELECT make_timestamptz(at_ns // 1000) AS at, execution_id, channel, kind, count, detail FROM store.gaps;
COMMENT ON VIEW gaps IS 'What is known to be missing';
COMMENT ON COLUMN gaps.at IS 'When it was noticed';
COMMENT ON COLUMN gaps.execution_id IS 'In which execution; null where it concerns none';
COMMENT ON COLUMN gaps.channel IS 'Which channel lost something';
COMMENT ON COLUMN gaps.kind IS 'What sort of loss';
COMMENT ON COLUMN gaps.count IS 'How many';
COMMENT ON COLUMN gaps.detail IS 'Where, in words';
