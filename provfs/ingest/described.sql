-- What a batch tells of executions themselves: new ones, descriptions, ends, waits, gaps, code. Reads: batch, who.
-- Leaves: described.
-- What `provfs run` knew of a process completes what the process said of itself, which goes first. A process that
-- became another program (exec) says later that it started: the last one counts.
CREATE OR REPLACE TEMP TABLE described AS
SELECT
    d.name, w.execution_id, p.execution_id AS parent_id, g.execution_id AS program_id,
    d.host, d.pid, d.started_ns + w.offset_ns AS started_ns, d.last_ns + w.offset_ns AS last_ns, d.user_name, d.command, d.cwd, d.executable,
    d.code_uri, d.code_digest, d.git_commit, d.git_dirty, d.job_system, d.job_key, d.rank, d.context, d.entry_pid,
    d.entry_started_ns + w.offset_ns AS entry_started_ns, d.login_user, d.container, d.environment, d.packages,
    d.input_pipe, d.output_pipe
FROM (
    SELECT
        execution AS name, any_value(parent ORDER BY own) AS parent, arg_max(program, started_ns) AS program,
        any_value(host ORDER BY own) AS host, any_value(pid ORDER BY own) AS pid, min(started_ns) AS started_ns, max(started_ns) AS last_ns,
        any_value(user_name ORDER BY own) AS user_name, any_value(command ORDER BY own, started_ns DESC) AS command,
        any_value(cwd ORDER BY own) AS cwd, any_value(executable ORDER BY own, started_ns DESC) AS executable,
        any_value(code_uri ORDER BY own) AS code_uri, any_value(code_digest ORDER BY own) AS code_digest,
        any_value(git_commit ORDER BY own) AS git_commit, any_value(git_dirty ORDER BY own) AS git_dirty,
        any_value(job_system ORDER BY own) AS job_system, any_value(job_key ORDER BY own) AS job_key,
        any_value(rank ORDER BY own) AS rank, any_value(context ORDER BY own) AS context,
        any_value(entry_pid ORDER BY own) AS entry_pid, any_value(entry_started_ns ORDER BY own) AS entry_started_ns,
        any_value(login_user ORDER BY own) AS login_user, any_value(container ORDER BY own) AS container,
        any_value(environment ORDER BY own) AS environment, any_value(packages ORDER BY own) AS packages,
        any_value(input_pipe ORDER BY own) AS input_pipe, any_value(output_pipe ORDER BY own) AS output_pipe
    FROM (SELECT *, code_digest IS NULL AS own FROM batch WHERE type = 'execution')
    GROUP BY execution
) d
JOIN who w ON w.name = d.name
LEFT JOIN who p ON p.name = d.parent
LEFT JOIN who g ON g.name = d.program;

INSERT INTO store.executions
SELECT
    w.execution_id, w.name, d.parent_id, coalesce(d.program_id, w.execution_id), d.host,
    coalesce(d.pid, try_cast(split_part(w.name, '-', 2) AS BIGINT)), d.started_ns, d.user_name, d.command, d.cwd,
    d.executable, d.code_uri, d.code_digest, d.git_commit, d.git_dirty, d.job_system, d.job_key, d.rank, d.context,
    d.entry_pid, d.entry_started_ns, d.login_user, d.container, d.environment, d.packages, d.input_pipe, d.output_pipe
FROM who w LEFT JOIN described d ON d.execution_id = w.execution_id
WHERE w.is_new
ORDER BY w.execution_id;

-- What it accessed before it became another program was ingested earlier: it belongs to the other program, too.
CREATE OR REPLACE TEMP TABLE regrouped AS
SELECT d.execution_id, d.program_id, e.program_id AS old_program_id
FROM described d JOIN store.executions e ON e.execution_id = d.execution_id
WHERE d.program_id <> e.program_id AND (e.started_ns IS NULL OR d.last_ns > e.started_ns)
    AND d.name NOT IN (SELECT name FROM who WHERE is_new);

UPDATE store.reads AS r SET program_id = g.program_id FROM regrouped g WHERE g.execution_id = r.execution_id;

UPDATE store.writes AS w SET program_id = g.program_id FROM regrouped g WHERE g.execution_id = w.execution_id;

UPDATE store.executions AS e SET program_id = g.program_id FROM regrouped g WHERE g.execution_id = e.execution_id;

UPDATE store.executions AS e SET
    parent_id = coalesce(d.parent_id, e.parent_id),
    host = coalesce(e.host, d.host), started_ns = least(e.started_ns, d.started_ns),
    user_name = coalesce(e.user_name, d.user_name), command = coalesce(e.command, d.command),
    cwd = coalesce(e.cwd, d.cwd), executable = coalesce(e.executable, d.executable),
    code_uri = coalesce(e.code_uri, d.code_uri), code_digest = coalesce(e.code_digest, d.code_digest),
    git_commit = coalesce(e.git_commit, d.git_commit), git_dirty = coalesce(e.git_dirty, d.git_dirty),
    job_system = coalesce(e.job_system, d.job_system), job_key = coalesce(e.job_key, d.job_key),
    rank = coalesce(e.rank, d.rank), context = coalesce(e.context, d.context),
    entry_pid = coalesce(e.entry_pid, d.entry_pid), entry_started_ns = coalesce(e.entry_started_ns, d.entry_started_ns),
    login_user = coalesce(e.login_user, d.login_user), container = coalesce(e.container, d.container),
    environment = coalesce(e.environment, d.environment), packages = coalesce(e.packages, d.packages),
    input_pipe = coalesce(e.input_pipe, d.input_pipe), output_pipe = coalesce(e.output_pipe, d.output_pipe)
FROM described d
WHERE d.execution_id = e.execution_id AND d.name NOT IN (SELECT name FROM who WHERE is_new);

UPDATE who SET program_id = e.program_id FROM store.executions e WHERE e.execution_id = who.execution_id;

INSERT INTO store.exits
SELECT w.execution_id, b.at_ns + w.offset_ns, b.exit_code, b.cpu_s, b.max_rss_bytes, b.read_bytes, b.written_bytes,
    coalesce(b.lost_records, 0)
FROM batch b JOIN who w ON w.name = b.execution
WHERE b.type = 'exit';

INSERT INTO store.waits
SELECT w.execution_id, b.child_pid, c.execution_id, b.began_ns + w.offset_ns, b.at_ns + w.offset_ns, b.exit_code, b.cpu_s,
    b.max_rss_bytes, b.read_bytes, b.written_bytes
FROM batch b
JOIN who w ON w.name = b.execution
LEFT JOIN store.executions c ON c.name = b.child
WHERE b.type = 'wait';

INSERT INTO store.gaps
SELECT b.at_ns + w.offset_ns, w.execution_id, b.channel, b.kind, coalesce(b.count, 1), b.detail
FROM batch b JOIN who w ON w.name = b.execution
WHERE b.type = 'gap'
UNION ALL
SELECT b.at_ns + w.offset_ns, w.execution_id, NULL, 'lost-records', b.lost_records, 'records that could not be written'
FROM batch b JOIN who w ON w.name = b.execution
WHERE b.type = 'exit' AND b.lost_records > 0;

INSERT INTO store.code
SELECT DISTINCT w.execution_id, b.uri, b.digest
FROM batch b JOIN who w ON w.name = b.execution
WHERE b.type = 'code';

INSERT INTO store.packages
SELECT digest, any_value(names) FROM batch
WHERE type = 'packages' AND digest NOT IN (SELECT digest FROM store.packages)
GROUP BY digest;

INSERT INTO store.contexts
SELECT w.execution_id, b.context, b.kind, b.label, b.at_ns + w.offset_ns, b.sources
FROM batch b JOIN who w ON w.name = b.execution
WHERE b.type = 'context';
