-- Questions about making things again: what is still there, what is not, what was computed before, what it cost.
-- The log's own knowledge; whether a file still lies where the log last saw it is for `provfs reproducible` to check.

-- Contents that lie nowhere any more and cannot be made again: no writer was seen, or its program read such a
-- content. Careful: all that a program read before it wrote counts, whatever the confidence.
CREATE OR REPLACE MACRO store.lost() AS TABLE
WITH RECURSIVE gone AS MATERIALIZED (
    SELECT v.version_id, v.execution_id FROM store.versions v
    WHERE v.version_id NOT IN (SELECT version_id FROM store.current_versions)
        AND (v.digest IS NULL OR v.digest NOT IN (SELECT digest FROM store.current_versions WHERE digest IS NOT NULL))
), lost(version_id) AS (
    SELECT version_id FROM gone WHERE execution_id IS NULL
    UNION
    (
        WITH readers AS MATERIALIZED (
            SELECT program_id, min(opened_ns) AS opened_ns
            FROM (SELECT * FROM store.reads WHERE version_id IN (SELECT version_id FROM lost)) GROUP BY program_id
        )
        SELECT w.version_id
        FROM readers r
        JOIN (SELECT * FROM store.relations WHERE other_id IN (SELECT program_id FROM readers)) x ON x.other_id = r.program_id
        JOIN store.writes w ON w.program_id = x.program_id AND (x.relation <> 'self' OR r.opened_ns < w.closed_ns)
        WHERE w.version_id IN (SELECT version_id FROM gone)
    )
)
SELECT version_id FROM lost;

-- What the named version was made from, and for each whether it is here, lies elsewhere as a copy, can be remade, or
-- is lost. `needed` where it must be had to make the version again: what is here need not be remade.
CREATE OR REPLACE MACRO reproducible(x) AS TABLE
WITH RECURSIVE target AS MATERIALIZED (SELECT version_id FROM store.named_versions([x], false)),
reached AS MATERIALIZED (
    SELECT w.depth, w.version_id, w.via_execution, w.rule, w.confidence, v.artifact_id, v.digest, v.execution_id, v.scratch,
        v.version_id IN (SELECT version_id FROM store.current_versions) AS is_current
    FROM store.walk_up((SELECT list(version_id) FROM target), 0.5) w
    JOIN store.versions v ON v.version_id = w.version_id
), elsewhere AS MATERIALIZED (
    SELECT c.digest, min(a.uri) AS uri FROM store.current_versions c JOIN store.artifacts a ON a.artifact_id = c.artifact_id
    WHERE c.digest IN (SELECT digest FROM reached WHERE NOT is_current) AND c.size_bytes > 0
    GROUP BY c.digest
), judged AS MATERIALIZED (
    SELECT r.*, a.uri, a.kind,
        CASE WHEN r.is_current THEN 'here' WHEN e.uri IS NOT NULL THEN 'copy'
            WHEN r.version_id IN (SELECT version_id FROM store.lost()) THEN 'lost' ELSE 'remake' END AS state,
        CASE WHEN r.is_current THEN a.uri ELSE e.uri END AS place
    FROM reached r
    JOIN store.artifacts a ON a.artifact_id = r.artifact_id
    LEFT JOIN elsewhere e ON e.digest = r.digest
), needed(version_id) AS (
    SELECT version_id FROM target
    UNION
    (
        WITH writers AS MATERIALIZED (
            SELECT w.program_id, max(w.closed_ns) AS closed_ns
            FROM store.writes w
            WHERE w.version_id IN (
                SELECT n.version_id FROM needed n JOIN judged j ON j.version_id = n.version_id
                WHERE j.depth = 0 OR j.state IN ('remake', 'lost')
            )
            GROUP BY w.program_id
        )
        SELECT r.version_id
        FROM writers w
        JOIN store.relations x ON x.program_id = w.program_id
        JOIN store.reads r ON r.program_id = x.other_id AND (x.relation <> 'self' OR r.opened_ns < w.closed_ns)
        WHERE r.version_id IN (SELECT version_id FROM judged)
        UNION
        SELECT l.input_version_id FROM store.links l
        WHERE l.confidence >= 0.5 AND l.input_version_id IN (SELECT version_id FROM judged)
            AND l.output_version_id IN (
                SELECT n.version_id FROM needed n JOIN judged j ON j.version_id = n.version_id
                WHERE j.depth = 0 OR j.state IN ('remake', 'lost')
            )
    )
)
SELECT
    j.depth, j.uri, j.version_id, j.kind, j.digest, j.state, j.place,
    j.version_id IN (SELECT version_id FROM needed) AS needed, j.execution_id AS made_by, e.command, e.cwd, e.code_uri,
    e.code_digest, e.git_commit, e.git_dirty, e.packages AS packages_digest, j.rule, j.confidence
FROM judged j LEFT JOIN store.executions e ON e.execution_id = j.execution_id
WHERE NOT j.scratch
ORDER BY j.depth, j.uri, j.version_id;

-- The contents that programs read, without what they wrote themselves: what a step was given.
CREATE OR REPLACE MACRO store.given_to(programs) AS TABLE
SELECT r.program_id, sha256(string_agg(DISTINCT v.digest, ' ' ORDER BY v.digest)) AS content, bool_and(v.digest IS NOT NULL) AS known,
    count(DISTINCT v.version_id) AS versions
FROM (SELECT * FROM store.reads WHERE program_id IN (SELECT unnest(programs))) r
JOIN store.versions v ON v.version_id = r.version_id
LEFT JOIN store.writes w ON w.version_id = r.version_id AND w.program_id = r.program_id
WHERE w.version_id IS NULL
GROUP BY r.program_id;

-- Other runs of the code that made the named version, on inputs of the same content: it was computed already.
CREATE OR REPLACE MACRO reusable(x) AS TABLE
WITH target AS MATERIALIZED (
    SELECT v.version_id, v.digest, e.program_id, p.code_digest, p.command[2:] AS arguments, p.packages
    FROM store.named_versions([x], false) n
    JOIN store.versions v ON v.version_id = n.version_id
    JOIN store.executions e ON e.execution_id = v.execution_id
    JOIN store.executions p ON p.execution_id = e.program_id
), alike AS MATERIALIZED (
    SELECT p.execution_id AS program_id, p.command[2:] = t.arguments AS same_arguments
    FROM store.executions p, target t
    WHERE p.execution_id = p.program_id AND p.code_digest = t.code_digest
), given AS MATERIALIZED (
    FROM store.given_to((SELECT list(program_id) FROM alike))
)
SELECT
    p.execution_id, make_timestamptz(p.started_ns // 1000) AS started_at, p.user_name, p.host, p.command,
    a.same_arguments, p.packages = t.packages AS same_packages, g.versions AS inputs, oa.uri AS output_uri, o.version_id AS output_version_id,
    o.digest AS output_digest, o.digest = t.digest AS same_content,
    o.version_id IN (SELECT version_id FROM store.current_versions) AS is_current
FROM target t
JOIN given mine ON mine.program_id = t.program_id AND mine.known
JOIN given g ON g.program_id <> t.program_id AND g.known AND g.content = mine.content
JOIN alike a ON a.program_id = g.program_id
JOIN store.executions p ON p.execution_id = g.program_id
LEFT JOIN store.executions m ON m.program_id = p.execution_id
LEFT JOIN store.versions o ON o.execution_id = m.execution_id AND NOT o.scratch
LEFT JOIN store.artifacts oa ON oa.artifact_id = o.artifact_id
WHERE o.version_id IS NOT NULL OR m.execution_id = p.execution_id
ORDER BY p.started_ns, oa.uri, o.version_id;

-- Files that can go without a loss of content, as far as the log knows: second and later copies, and data that its
-- program can make again from what is still there. Never models and metrics, never what is kept for a copy's sake,
-- never what a program made that lost records or of which no input was seen.
CREATE OR REPLACE MACRO deletable(unused_days := 0) AS TABLE
WITH now AS (SELECT epoch_ns(current_timestamp::TIMESTAMPTZ) AS at_ns),
lost AS MATERIALIZED (FROM store.lost()),
current AS MATERIALIZED (
    SELECT c.*, row_number() OVER (
            PARTITION BY c.digest, c.size_bytes
            ORDER BY c.version_id IN (SELECT output_version_id FROM store.links WHERE rule = 'copy'), c.created_ns, c.version_id
        ) AS place,
        count(*) OVER (PARTITION BY c.digest, c.size_bytes) AS places
    FROM store.current_versions c
), kept AS MATERIALIZED (
    SELECT c.digest, c.size_bytes, c.version_id, a.uri FROM current c JOIN store.artifacts a ON a.artifact_id = c.artifact_id
    WHERE c.place = 1 AND c.places > 1 AND c.digest IS NOT NULL AND c.size_bytes > 0
), used AS MATERIALIZED (
    SELECT version_id, max(closed_ns) AS read_ns
    FROM store.reads WHERE version_id IN (SELECT version_id FROM current) GROUP BY version_id
), doubtful AS MATERIALIZED (
    SELECT e.program_id FROM store.gaps g JOIN store.executions e ON e.execution_id = g.execution_id
    UNION SELECT e.program_id FROM store.exits x JOIN store.executions e ON e.execution_id = x.execution_id WHERE x.lost_records > 0
    UNION SELECT x.program_id
    FROM (SELECT DISTINCT program_id FROM store.reads WHERE version_id IN (FROM lost)) r
    JOIN store.relations x ON x.other_id = r.program_id
), informed AS MATERIALIZED (
    SELECT DISTINCT r.program_id FROM store.reads r
    LEFT JOIN store.writes w ON w.version_id = r.version_id AND w.program_id = r.program_id WHERE w.version_id IS NULL
), judged AS (
    SELECT c.version_id, c.artifact_id, c.digest, c.size_bytes, c.execution_id, k.uri AS same_as,
        CASE WHEN k.version_id IS NOT NULL AND k.version_id <> c.version_id THEN 'copy'
            WHEN a.kind NOT IN ('model', 'metrics') AND k.version_id IS NULL AND c.complete AND e.code_digest IS NOT NULL
                AND e.program_id IN (FROM informed) AND e.program_id NOT IN (FROM doubtful) THEN 'remake' END AS reason,
        c.created_ns, u.read_ns, a.uri, a.kind
    FROM current c
    JOIN store.artifacts a ON a.artifact_id = c.artifact_id
    LEFT JOIN kept k ON k.digest = c.digest AND k.size_bytes = c.size_bytes
    LEFT JOIN store.executions e ON e.execution_id = c.execution_id
    LEFT JOIN used u ON u.version_id = c.version_id
)
SELECT
    j.uri, j.version_id, j.kind, j.size_bytes, j.digest, j.reason, CASE WHEN j.reason = 'copy' THEN j.same_as END AS same_as,
    j.execution_id AS made_by, make_timestamptz(greatest(j.created_ns, j.read_ns) // 1000) AS last_used_at
FROM judged j, now n
WHERE j.reason IS NOT NULL AND greatest(j.created_ns, coalesce(j.read_ns, 0)) <= n.at_ns - unused_days * 86400000000000
ORDER BY j.size_bytes DESC NULLS LAST, j.uri;

-- What each execution took by itself, without what the processes that it waited for took, so that sums count once.
CREATE OR REPLACE VIEW costs AS
WITH waited AS (
    SELECT w.child_id AS execution_id, max(w.cpu_s) AS cpu_s, max(w.max_rss_bytes) AS max_rss_bytes, max(w.read_bytes) AS read_bytes,
        max(w.written_bytes) AS written_bytes, min(w.at_ns) AS at_ns
    FROM store.ended_waits w GROUP BY w.child_id
), said AS (
    SELECT execution_id, max(ended_ns) AS ended_ns, max(cpu_s) AS cpu_s, max(max_rss_bytes) AS max_rss_bytes,
        max(read_bytes) AS read_bytes, max(written_bytes) AS written_bytes
    FROM store.exits GROUP BY execution_id
), total AS (
    SELECT e.execution_id, e.parent_id, coalesce(w.cpu_s, x.cpu_s) AS cpu_s, coalesce(w.read_bytes, x.read_bytes) AS read_bytes,
        coalesce(w.written_bytes, x.written_bytes) AS written_bytes
    FROM store.executions e
    LEFT JOIN waited w ON w.execution_id = e.execution_id LEFT JOIN said x ON x.execution_id = e.execution_id
), below AS (
    SELECT t.parent_id, sum(t.cpu_s) AS cpu_s, sum(w.read_bytes)::BIGINT AS read_bytes,
        sum(w.written_bytes)::BIGINT AS written_bytes
    FROM total t LEFT JOIN waited w ON w.execution_id = t.execution_id
    WHERE t.parent_id IS NOT NULL GROUP BY t.parent_id
)
SELECT
    e.execution_id, e.program_id, e.user_name, e.login_user, e.host, e.command, e.code_uri, e.job_system, e.job_key,
    e.environment, make_timestamptz(e.started_ns // 1000) AS started_at,
    (coalesce(x.ended_ns, w.at_ns) - e.started_ns) / 1e9 AS elapsed_s,
    coalesce(x.cpu_s, CASE WHEN w.cpu_s IS NOT NULL THEN greatest(w.cpu_s - coalesce(b.cpu_s, 0), 0) END) AS cpu_s,
    greatest(x.max_rss_bytes, w.max_rss_bytes) AS max_rss_bytes,
    greatest(coalesce(x.read_bytes, w.read_bytes) - coalesce(b.read_bytes, 0), 0 * coalesce(x.read_bytes, w.read_bytes)) AS read_bytes,
    greatest(
        coalesce(x.written_bytes, w.written_bytes) - coalesce(b.written_bytes, 0), 0 * coalesce(x.written_bytes, w.written_bytes)
    ) AS written_bytes
FROM store.executions e
LEFT JOIN waited w ON w.execution_id = e.execution_id
LEFT JOIN said x ON x.execution_id = e.execution_id
LEFT JOIN below b ON b.parent_id = e.execution_id
WHERE e.host IS NOT NULL;

-- What it took to make the named version: all programs on the way to it.
CREATE OR REPLACE MACRO cost(x) AS TABLE
WITH starts AS MATERIALIZED (SELECT version_id FROM store.named_versions([x], false)),
programs AS MATERIALIZED (
    SELECT DISTINCT e.program_id FROM store.executions e
    WHERE e.execution_id IN (SELECT via_execution FROM store.walk_up((SELECT list(version_id) FROM starts), 0.5))
        OR e.execution_id IN (SELECT v.execution_id FROM store.versions v WHERE v.version_id IN (SELECT version_id FROM starts))
)
FROM costs WHERE program_id IN (SELECT program_id FROM programs) ORDER BY started_at, execution_id;

-- What differs between two versions: inputs at any distance by content, scripts and imported code, command, directory,
-- commit, user, host, installed packages. Null where a side has nothing of that name.
CREATE OR REPLACE MACRO diff(a, b) AS TABLE
WITH sides AS MATERIALIZED (
    SELECT 1 AS side, version_id FROM store.named_versions([a], false)
    UNION ALL SELECT 2, version_id FROM store.named_versions([b], false)
), reached AS MATERIALIZED (
    SELECT 1 AS side, w.* FROM store.walk_up((SELECT list(version_id) FROM sides WHERE side = 1), 0.5) w
    UNION ALL SELECT 2, w.* FROM store.walk_up((SELECT list(version_id) FROM sides WHERE side = 2), 0.5) w
), writers AS MATERIALIZED (
    SELECT s.side, e.* FROM sides s JOIN store.versions v ON v.version_id = s.version_id
    JOIN store.executions e ON e.execution_id = v.execution_id
), runs AS MATERIALIZED (
    SELECT side, via_execution AS execution_id FROM reached WHERE via_execution IS NOT NULL
    UNION SELECT side, execution_id FROM writers
), facts AS (
    SELECT r.side, 'input' AS part, a.uri AS name, coalesce(v.digest, 'not known, version ' || v.version_id) AS value
    FROM reached r JOIN store.versions v ON v.version_id = r.version_id AND NOT v.scratch
    JOIN store.artifacts a ON a.artifact_id = v.artifact_id
    WHERE r.depth > 0
    UNION SELECT r.side, 'code', e.code_uri, e.code_digest
    FROM runs r JOIN store.executions e ON e.execution_id = r.execution_id WHERE e.code_uri IS NOT NULL
    UNION SELECT r.side, 'code', c.uri, c.digest FROM runs r JOIN store.code c ON c.execution_id = r.execution_id
    UNION SELECT side, 'execution', unnest(['command', 'directory', 'commit', 'dirty', 'user', 'host', 'executable']),
        unnest([array_to_string(command, ' '), cwd, git_commit, git_dirty::VARCHAR, user_name, host, executable])
    FROM writers
    UNION SELECT w.side, 'environment', split_part(pair, '=', 1), substr(pair, strpos(pair, '=') + 1)
    FROM (SELECT side, unnest(environment) AS pair FROM writers) w
    UNION SELECT w.side, 'package', p.name, p.version FROM writers w JOIN packages p ON p.packages_digest = w.packages
), gathered AS (
    SELECT part, name, list_sort(list(DISTINCT value) FILTER (side = 1)) AS before,
        list_sort(list(DISTINCT value) FILTER (side = 2)) AS after
    FROM facts WHERE value IS NOT NULL GROUP BY part, name
)
SELECT part, name, array_to_string(before, ', ') AS before, array_to_string(after, ', ') AS after
FROM gathered WHERE before IS DISTINCT FROM after OR (part = 'input' AND list_any_value(before) LIKE 'not known%')
ORDER BY array_position(['input', 'code', 'execution', 'environment', 'package'], part), name;

COMMENT ON MACRO TABLE store.lost IS 'Contents that lie nowhere any more and cannot be made again';
COMMENT ON MACRO TABLE reproducible IS 'What the version named x was made from, and for each whether it is here, a copy lies elsewhere, it can be remade, or it is lost; it can be made again if no needed one is lost';
COMMENT ON MACRO TABLE store.given_to IS 'The contents that programs were given: what they read and did not write themselves';
COMMENT ON MACRO TABLE reusable IS 'Other runs of the code that made the version named x, on inputs of the same content, and what they made';
COMMENT ON MACRO TABLE deletable IS 'Files that can go without a loss of content, as far as the log knows: copies, and data that can be made again; only those not used for unused_days';
COMMENT ON MACRO TABLE cost IS 'What the executions took that made the version named x, and all that it was made from';
COMMENT ON MACRO TABLE diff IS 'What differs between the versions named a and b: inputs by content, code, execution, environment, packages';
COMMENT ON VIEW costs IS 'What each execution took by itself, without the processes that it waited for, so that sums count once';
COMMENT ON COLUMN costs.execution_id IS 'The execution';
COMMENT ON COLUMN costs.program_id IS 'Its program';
COMMENT ON COLUMN costs.user_name IS 'User the process ran as';
COMMENT ON COLUMN costs.login_user IS 'User who logged in; null where not known';
COMMENT ON COLUMN costs.host IS 'Host name';
COMMENT ON COLUMN costs.command IS 'Command line, secrets removed';
COMMENT ON COLUMN costs.code_uri IS 'Main script';
COMMENT ON COLUMN costs.job_system IS 'Batch or workflow system; null where none';
COMMENT ON COLUMN costs.job_key IS 'Key that all processes of one job share';
COMMENT ON COLUMN costs.environment IS 'Chosen environment variables as NAME=value; what an account or a team is called stands here';
COMMENT ON COLUMN costs.started_at IS 'Start';
COMMENT ON COLUMN costs.elapsed_s IS 'From start to end, seconds; null where the end was not seen';
COMMENT ON COLUMN costs.cpu_s IS 'User and system time, seconds';
COMMENT ON COLUMN costs.max_rss_bytes IS 'Peak resident memory; for a native program with those it waited for';
COMMENT ON COLUMN costs.read_bytes IS 'Bytes read by system calls';
COMMENT ON COLUMN costs.written_bytes IS 'Bytes written by system calls';
