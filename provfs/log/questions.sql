-- More questions of the lineage log as table macros; they work in plain DuckDB on the log file.
-- Names are those of macros.sql. Where a list of names is taken, a name that ends in `/` means all artifacts below
-- it, and one with `*` or `?` all artifacts whose uri, or its end, matches.

CREATE OR REPLACE VIEW store.current_versions AS
SELECT v.version_id, v.artifact_id, v.digest, v.size_bytes, v.execution_id, v.complete, v.created_ns
FROM store.versions v
JOIN (
    SELECT artifact_id, max({'created_ns': created_ns, 'version_id': version_id}).version_id AS version_id
    FROM store.versions WHERE NOT scratch GROUP BY artifact_id
) n ON n.version_id = v.version_id
WHERE v.version_id NOT IN (SELECT version_id FROM store.endings);
COMMENT ON VIEW store.current_versions IS 'The versions that lie at their place still, as far as the log knows';

-- The versions that a list of names means, by the number of the name. Only the newest of each artifact, or all.
CREATE OR REPLACE MACRO store.named_versions(names, all_versions) AS TABLE
WITH wanted AS MATERIALIZED (
    SELECT place, name AS given, regexp_replace(name, '@[0-9]+$', '') AS name,
        try_cast(nullif(regexp_extract(name, '@([0-9]+)$', 1), '') AS BIGINT) AS ordinal
    FROM (SELECT unnest(names) AS name, generate_subscripts(names, 1) AS place)
), matched AS MATERIALIZED (
    SELECT w.place, w.given, w.ordinal, a.artifact_id, a.uri, a.uri IN (w.name, 'file://' || w.name) AS exact,
        ends_with(w.name, '/') OR regexp_matches(w.name, '[*?]') AS many
    FROM wanted w
    JOIN store.artifacts a ON CASE
        WHEN ends_with(w.name, '/') THEN starts_with(a.uri, w.name) OR starts_with(a.uri, 'file://' || w.name)
            OR (NOT regexp_matches(w.name, '^(/|[a-z0-9+.-]+://)') AND contains(a.uri, '/' || w.name))
        WHEN regexp_matches(w.name, '[*?]') THEN a.uri GLOB w.name OR a.uri GLOB ('file://' || w.name)
            OR a.uri GLOB ('*/' || w.name)
        ELSE a.uri IN (w.name, 'file://' || w.name) OR ends_with(a.uri, '/' || w.name)
    END
), kept AS MATERIALIZED (
    SELECT m.* FROM matched m
    WHERE (m.many OR m.exact OR m.place NOT IN (SELECT place FROM matched WHERE exact AND NOT many))
        AND m.artifact_id IN (SELECT artifact_id FROM store.versions WHERE NOT scratch)
), checked AS MATERIALIZED (
    SELECT w.place, CASE
        WHEN count(k.artifact_id) = 0 THEN error('unknown artifact: ' || any_value(w.given))
        WHEN count(k.artifact_id) > 1 AND NOT any_value(k.many) THEN error('ambiguous artifact: '
            || any_value(w.given) || ' names ' || count(*) || ': ' || array_to_string(list_sort(list(k.uri))[:10], ', '))
        ELSE true END AS fine
    FROM wanted w LEFT JOIN kept k ON k.place = w.place
    GROUP BY w.place
), numbered AS MATERIALIZED (
    SELECT version_id, artifact_id,
        row_number() OVER (PARTITION BY artifact_id ORDER BY created_ns, version_id) AS ordinal,
        row_number() OVER (PARTITION BY artifact_id ORDER BY created_ns DESC, version_id DESC) AS age
    FROM store.versions
    WHERE NOT scratch AND artifact_id IN (SELECT artifact_id FROM kept)
), found AS MATERIALIZED (
    SELECT k.place, k.given, n.version_id, n.artifact_id, n.ordinal
    FROM kept k JOIN numbered n ON n.artifact_id = k.artifact_id
    WHERE CASE WHEN k.ordinal IS NOT NULL THEN n.ordinal = k.ordinal ELSE all_versions OR n.age = 1 END
)
SELECT c.place, f.version_id, f.artifact_id, f.ordinal
FROM checked c
LEFT JOIN found f ON f.place = c.place
WHERE c.fine AND CASE WHEN f.version_id IS NOT NULL THEN true ELSE error('unknown version: ' || (
    SELECT any_value(k.given) || '; the newest is @' || max(n.ordinal)
    FROM kept k JOIN numbered n ON n.artifact_id = k.artifact_id
    WHERE k.ordinal IS NOT NULL AND k.place NOT IN (SELECT place FROM found)
)) END;

-- What people think of as one: a directory that is one dataset (zarr, partitioned Parquet, a checkpoint), or the shards
-- of one file, with * for their number; any other file by itself.
CREATE OR REPLACE MACRO store.unit_of(uri) AS (
    coalesce(
        nullif(regexp_extract(uri, '^(.*?/[^/]+\.(?:zarr|n5|lance|parquet|orc|avro|csv|json|arrow|ckpt|pth?|keras|tfrecord|mlmodel)/)', 1), ''),
        nullif(regexp_extract(uri, '^(.*?/)[^/=]+=[^/]*/', 1), ''),
        nullif(regexp_extract(uri, '^(.*?/(?:checkpoint|ckpt|epoch|global_step|step|iter)[-_=]?[0-9]+/)', 1), ''),
        regexp_replace(
            regexp_replace(uri, '((?:^|[/_.-])(?:part|shard|chunk|split)[_.-]?)[0-9]+[^/]*?((?:\.[A-Za-z0-9]+)*)$', '\1*\2'),
            '[0-9]+([_-]of[_-]?[0-9]+[^/]*)$', '*\1'
        )
    )
);

-- Walks from many names at once, with what people filter by. What is less sure than min_confidence is left out; 0
-- leaves out nothing.
CREATE OR REPLACE MACRO upstream_of(names, min_confidence := 0.5) AS TABLE
WITH starts AS MATERIALIZED (
    SELECT list(DISTINCT version_id) AS ids FROM store.named_versions(names, false)
), walked AS MATERIALIZED (
    SELECT w.*, v.artifact_id, v.digest, v.size_bytes, v.created_ns, v.complete
    FROM store.walk_up((SELECT ids FROM starts), min_confidence) w
    JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
    WHERE w.depth > 0
), numbered AS (
    SELECT version_id, row_number() OVER (PARTITION BY artifact_id ORDER BY created_ns, version_id) AS ordinal
    FROM store.versions WHERE NOT scratch AND artifact_id IN (SELECT artifact_id FROM walked)
)
SELECT
    w.depth, a.uri, w.version_id, n.ordinal, a.kind, w.digest, w.size_bytes,
    make_timestamptz(w.created_ns // 1000) AS created_at, w.complete, w.rule, w.confidence, w.via_execution,
    e.program_id, e.user_name, e.command, e.code_uri, e.code_digest, e.git_commit
FROM walked w
JOIN store.artifacts a ON a.artifact_id = w.artifact_id
JOIN numbered n ON n.version_id = w.version_id
LEFT JOIN store.executions e ON e.execution_id = w.via_execution
ORDER BY w.depth, a.uri, w.version_id;

CREATE OR REPLACE MACRO downstream_of(names, min_confidence := 0.5) AS TABLE
WITH starts AS MATERIALIZED (
    SELECT list(DISTINCT version_id) AS ids FROM store.named_versions(names, true)
), walked AS MATERIALIZED (
    SELECT w.*, v.artifact_id, v.digest, v.size_bytes, v.created_ns, v.complete
    FROM store.walk_down((SELECT ids FROM starts), min_confidence) w
    JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
    WHERE w.depth > 0
), numbered AS (
    SELECT version_id, row_number() OVER (PARTITION BY artifact_id ORDER BY created_ns, version_id) AS ordinal
    FROM store.versions WHERE NOT scratch AND artifact_id IN (SELECT artifact_id FROM walked)
)
SELECT
    w.depth, a.uri, w.version_id, n.ordinal, a.kind, w.digest, w.size_bytes,
    make_timestamptz(w.created_ns // 1000) AS created_at, w.complete, w.rule, w.confidence, w.via_execution,
    e.program_id, e.user_name, e.command, e.code_uri, e.code_digest, e.git_commit
FROM walked w
JOIN store.artifacts a ON a.artifact_id = w.artifact_id
JOIN numbered n ON n.version_id = w.version_id
LEFT JOIN store.executions e ON e.execution_id = w.via_execution
ORDER BY w.depth, a.uri, w.version_id;

-- Where the content of the named artifact lies or lay elsewhere, for all of its versions, or for the one after @.
CREATE OR REPLACE MACRO copies(x) AS TABLE
WITH meant AS MATERIALIZED (SELECT version_id, ordinal FROM store.named_versions([x], true))
SELECT
    m.ordinal, v.version_id, v.digest, v.size_bytes, a.uri AS copy_uri, c.version_id AS copy_version_id,
    make_timestamptz(c.created_ns // 1000) AS copied_at,
    c.version_id IN (SELECT version_id FROM store.current_versions) AS is_current
FROM meant m
JOIN store.versions v ON v.version_id = m.version_id
JOIN store.versions c ON c.digest = v.digest AND c.size_bytes = v.size_bytes AND c.artifact_id <> v.artifact_id
    AND NOT c.scratch
JOIN store.artifacts a ON a.artifact_id = c.artifact_id
WHERE v.size_bytes > 0
ORDER BY m.ordinal, a.uri, c.version_id;

-- Who has to do with the named artifact: how often it was read and written, by whom first and last, and who has it
-- open for writing now.
CREATE OR REPLACE MACRO usage(x) AS TABLE
WITH meant AS MATERIALIZED (SELECT version_id, artifact_id FROM store.named_versions([x], true)),
used AS MATERIALIZED (
    SELECT 'read' AS mode, version_id, execution_id, opened_ns, closed_ns, opens, bytes, channel
    FROM store.reads WHERE version_id IN (SELECT version_id FROM meant)
    UNION ALL
    SELECT 'write', version_id, execution_id, opened_ns, closed_ns, 1, bytes, channel
    FROM store.writes WHERE version_id IN (SELECT version_id FROM meant)
    UNION ALL
    SELECT 'writing now', NULL, execution_id, opened_ns, NULL, 1, NULL, channel
    FROM store.openings WHERE artifact_id IN (SELECT artifact_id FROM meant)
)
SELECT
    u.mode, e.user_name, e.login_user, count(DISTINCT u.execution_id) AS executions, sum(u.opens)::BIGINT AS opens,
    sum(u.bytes)::BIGINT AS bytes, count(DISTINCT u.version_id) AS versions,
    make_timestamptz(min(u.opened_ns) // 1000) AS first_at,
    make_timestamptz(max(coalesce(u.closed_ns, u.opened_ns)) // 1000) AS last_at,
    arg_max(u.execution_id, coalesce(u.closed_ns, u.opened_ns)) AS last_execution_id,
    arg_max(e.command, coalesce(u.closed_ns, u.opened_ns)) AS last_command,
    arg_max(e.host, coalesce(u.closed_ns, u.opened_ns)) AS last_host
FROM used u LEFT JOIN store.executions e ON e.execution_id = u.execution_id
GROUP BY u.mode, e.user_name, e.login_user
ORDER BY last_at DESC, u.mode;

-- Contents that changed or went without a program that was seen doing it.
CREATE OR REPLACE MACRO unattributed() AS TABLE
WITH numbered AS (
    SELECT version_id, artifact_id, digest, origin, execution_id, created_ns,
        lag(digest) OVER same AS before, lag(version_id) OVER same AS before_id
    FROM store.versions WHERE NOT scratch
    WINDOW same AS (PARTITION BY artifact_id ORDER BY created_ns, version_id)
), seen AS (
    SELECT version_id, min({'opened_ns': opened_ns, 'execution_id': execution_id, 'channel': channel}) AS first
    FROM store.reads GROUP BY version_id
), told AS MATERIALIZED (
    SELECT c.* FROM store.changes c
    WHERE c.execution_id IS NULL AND c.kind NOT IN ('read', 'attributes', 'observed')
        AND (c.kind <> 'removed' OR c.version_id IS NOT NULL)
), found AS (
    SELECT n.created_ns AS at_ns, n.artifact_id, 'changed' AS kind, n.before_id, n.before, n.version_id, n.digest,
        s.first.execution_id AS noticed_by, s.first.channel AS channel
    FROM numbered n LEFT JOIN seen s ON s.version_id = n.version_id
    WHERE n.origin = 'observed' AND n.execution_id IS NULL AND n.before_id IS NOT NULL
        AND n.version_id NOT IN (SELECT version_id FROM told WHERE version_id IS NOT NULL)
    UNION ALL
    SELECT t.at_ns, t.artifact_id, t.kind, n.before_id, n.before, n.version_id, n.digest, NULL, t.channel
    FROM told t LEFT JOIN numbered n ON n.version_id = t.version_id
    WHERE t.kind NOT IN ('removed', 'renamed') AND n.execution_id IS NULL
    UNION ALL
    SELECT t.at_ns, t.artifact_id, t.kind, n.version_id, n.digest, NULL, NULL, NULL, t.channel
    FROM told t LEFT JOIN numbered n ON n.version_id = t.version_id
    WHERE t.kind IN ('removed', 'renamed')
)
SELECT
    make_timestamptz(f.at_ns // 1000) AS changed_at, a.uri, f.kind, f.before_id AS old_version_id,
    f.before AS old_digest, f.version_id AS new_version_id, f.digest AS new_digest, f.noticed_by, f.channel
FROM found f JOIN store.artifacts a ON a.artifact_id = f.artifact_id
ORDER BY f.at_ns DESC, a.uri;

COMMENT ON MACRO TABLE store.named_versions IS 'The versions that a list of names means, by the number of the name: the newest of each artifact or all, or the one after @';
COMMENT ON MACRO store.unit_of IS 'The dataset, checkpoint or series of shards that a file belongs to, or the file itself';
COMMENT ON MACRO TABLE upstream_of IS 'Everything that the named versions depend on, at any distance, with confidence from min_confidence on; names is a list';
COMMENT ON MACRO TABLE downstream_of IS 'Everything that depends on the named versions, at any distance, with confidence from min_confidence on; names is a list';
COMMENT ON MACRO TABLE copies IS 'Where the content of the artifact named x lies or lay elsewhere, for all of its versions, or for the one after @';
COMMENT ON MACRO TABLE usage IS 'Who read and wrote the artifact named x, first and last, and who has it open for writing now';
COMMENT ON MACRO TABLE unattributed IS 'Contents that changed or went without a program that was seen doing it';
