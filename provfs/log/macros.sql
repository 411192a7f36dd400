-- The questions of the lineage log as table macros; they work in plain DuckDB on the log file.
-- A name x is a uri, an absolute path, or a suffix of whole path parts that names exactly one artifact; x@2
-- means its second version; without @ questions about the past mean the newest version, questions about what
-- became of it (downstream, impact) all versions.

-- A whole name is looked for in its directory only.
CREATE OR REPLACE MACRO store.named_artifacts(x) AS TABLE
WITH meant AS MATERIALIZED (
    SELECT unnest([name, 'file://' || name]) AS uri FROM (SELECT regexp_replace(x, '@[0-9]+$', '') AS name)
), there AS MATERIALIZED (
    SELECT place_id FROM store.places WHERE uri IN (SELECT parse_dirpath(uri, 'forward_slash') FROM meant)
), lying AS MATERIALIZED (
    SELECT artifact_id, uri FROM store.artifacts WHERE place_id IN (FROM there)
), exact AS MATERIALIZED (
    FROM lying WHERE uri IN (SELECT uri FROM meant)
), seen AS MATERIALIZED (
    FROM exact WHERE artifact_id IN (
        SELECT artifact_id FROM store.versions WHERE NOT scratch AND artifact_id IN (SELECT artifact_id FROM exact)
    )
), wide AS MATERIALIZED ( -- empty where there is one, so that no other names are read
    SELECT place_id, true AS is_open FROM store.places WHERE NOT EXISTS (FROM seen)
), alike AS MATERIALIZED (
    SELECT a.artifact_id, a.uri FROM store.artifacts a JOIN wide w ON w.place_id = a.place_id
    WHERE CASE WHEN w.is_open THEN ends_with(a.uri, '/' || regexp_replace(x, '@[0-9]+$', '')) END
)
FROM seen
UNION ALL
FROM alike
WHERE artifact_id IN (
    SELECT artifact_id FROM store.versions WHERE NOT scratch AND artifact_id IN (SELECT artifact_id FROM alike)
);

CREATE OR REPLACE MACRO store.resolve_artifact(x) AS (
    SELECT CASE
        WHEN count(*) = 1 THEN any_value(artifact_id)
        WHEN count(*) = 0 THEN error('unknown artifact: ' || x)
        ELSE error('ambiguous artifact: ' || x || ' names ' || count(*) || ': '
            || array_to_string(list_sort(list(uri))[:10], ', '))
    END
    FROM store.named_artifacts(x)
);

-- The versions of one artifact with their ordinals. The name is asked for first and by itself, so that an unknown one
-- is an error also where there is no row to compare it with.
CREATE OR REPLACE MACRO store.versions_of(x) AS TABLE
WITH wanted AS MATERIALIZED (SELECT store.resolve_artifact(x) AS artifact_id)
SELECT
    w.artifact_id, v.version_id, v.digest, v.size_bytes, v.origin, v.created_ns, v.execution_id, v.complete,
    row_number() OVER in_order AS ordinal, lead(v.created_ns) OVER in_order AS replaced_ns
FROM wanted w
LEFT JOIN (
    SELECT * FROM store.versions WHERE NOT scratch AND artifact_id IN (SELECT artifact_id FROM wanted)
) v ON v.artifact_id = w.artifact_id
WINDOW in_order AS (ORDER BY v.created_ns, v.version_id);

CREATE OR REPLACE MACRO store.resolve_version(x) AS (
    SELECT coalesce(
        arg_max(version_id, ordinal) FILTER (
            WHERE NOT regexp_matches(x, '@[0-9]+$') OR ordinal = try_cast(regexp_extract(x, '@([0-9]+)$', 1) AS BIGINT)
        ),
        error('unknown version: ' || x || '; the newest is @' || count(*))
    )
    FROM store.versions_of(x)
);

-- Where things went: without @ all versions of the artifact are meant.
CREATE OR REPLACE MACRO store.resolve_versions(x) AS (
    CASE WHEN regexp_matches(x, '@[0-9]+$') THEN [store.resolve_version(x)]
        ELSE (SELECT list(version_id) FROM store.versions_of(x)) END
);

CREATE OR REPLACE MACRO upstream(x) AS TABLE
WITH walked AS MATERIALIZED (FROM store.walk_up([store.resolve_version(x)], 0.5))
SELECT w.depth, a.uri, w.version_id, v.digest, w.via_execution, w.rule, w.confidence
FROM walked w
LEFT JOIN (SELECT * FROM store.versions WHERE version_id IN (SELECT version_id FROM walked)) v
    ON v.version_id = w.version_id
LEFT JOIN store.artifacts a ON a.artifact_id = v.artifact_id
WHERE w.depth > 0 AND NOT coalesce(v.scratch, false)
ORDER BY w.depth, a.uri, w.version_id;

CREATE OR REPLACE MACRO downstream(x) AS TABLE
WITH walked AS MATERIALIZED (FROM store.walk_down(store.resolve_versions(x), 0.5))
SELECT w.depth, a.uri, w.version_id, v.digest, w.via_execution, w.rule, w.confidence
FROM walked w
LEFT JOIN (SELECT * FROM store.versions WHERE version_id IN (SELECT version_id FROM walked)) v
    ON v.version_id = w.version_id
LEFT JOIN store.artifacts a ON a.artifact_id = v.artifact_id
WHERE w.depth > 0 AND NOT coalesce(v.scratch, false)
ORDER BY w.depth, a.uri, w.version_id;

CREATE OR REPLACE MACRO history(x) AS TABLE
WITH known AS MATERIALIZED (FROM store.versions_of(x))
SELECT
    v.ordinal, v.version_id, a.uri, v.digest, v.size_bytes, v.origin, make_timestamptz(v.created_ns // 1000) AS created_at,
    make_timestamptz(least(v.replaced_ns, d.ended_ns) // 1000) AS ended_at, v.execution_id, e.command, v.complete
FROM known v
JOIN store.artifacts a ON a.artifact_id = v.artifact_id
LEFT JOIN (
    SELECT version_id, min(ended_ns) AS ended_ns FROM store.endings
    WHERE version_id IN (SELECT version_id FROM known) GROUP BY version_id
) d ON d.version_id = v.version_id
LEFT JOIN store.executions e ON e.execution_id = v.execution_id
ORDER BY v.ordinal;

CREATE OR REPLACE MACRO readers(x) AS TABLE
WITH known AS MATERIALIZED (FROM store.versions_of(x))
SELECT
    s.execution_id, s.program_id, e.user_name, e.host, e.pid, e.command, v.version_id, v.ordinal, v.digest,
    make_timestamptz(s.opened_ns // 1000) AS opened_at, make_timestamptz(s.closed_ns // 1000) AS closed_at, s.opens, s.bytes
FROM (SELECT * FROM store.reads WHERE version_id IN (SELECT version_id FROM known)) s
JOIN known v ON v.version_id = s.version_id
LEFT JOIN store.executions e ON e.execution_id = s.execution_id
ORDER BY s.opened_ns;

CREATE OR REPLACE MACRO producers(x) AS TABLE
WITH known AS MATERIALIZED (FROM store.versions_of(x))
SELECT
    s.execution_id, s.program_id, e.user_name, e.host, e.pid, e.command, e.code_uri, e.code_digest, e.git_commit,
    v.version_id, v.ordinal, v.digest, make_timestamptz(s.opened_ns // 1000) AS opened_at,
    make_timestamptz(s.closed_ns // 1000) AS closed_at, s.bytes
FROM (SELECT * FROM store.writes WHERE version_id IN (SELECT version_id FROM known)) s
JOIN known v ON v.version_id = s.version_id
LEFT JOIN store.executions e ON e.execution_id = s.execution_id
ORDER BY s.closed_ns;

CREATE OR REPLACE MACRO impact(x) AS TABLE
WITH reached AS MATERIALIZED (
    SELECT w.depth, w.version_id, v.artifact_id, v.digest, v.size_bytes, w.rule, w.confidence
    FROM store.walk_down(store.resolve_versions(x), 0.5) w
    LEFT JOIN store.versions v ON v.version_id = w.version_id
    WHERE NOT coalesce(v.scratch, false)
)
SELECT
    r.depth, a.uri, r.version_id, r.digest, r.rule, r.confidence,
    (
        SELECT list_sort(list(DISTINCT ca.uri))
        FROM store.versions c JOIN store.artifacts ca ON ca.artifact_id = c.artifact_id
        WHERE c.digest = r.digest AND c.size_bytes = r.size_bytes AND c.size_bytes > 0
            AND c.artifact_id <> r.artifact_id AND NOT c.scratch
    ) AS copies
FROM reached r
LEFT JOIN store.artifacts a ON a.artifact_id = r.artifact_id
WHERE r.depth > 0 AND CASE WHEN a.kind IS NULL THEN r.depth < 0 ELSE a.kind = 'model' END
ORDER BY r.depth, a.uri, r.version_id;

COMMENT ON MACRO TABLE store.named_artifacts IS 'The artifacts that a name may mean';
COMMENT ON MACRO store.resolve_artifact IS 'The artifact_id of the one artifact that a name means; an error where it is none or several';
COMMENT ON MACRO TABLE store.versions_of IS 'The versions of the one artifact that a name means, with their ordinals';
COMMENT ON MACRO store.resolve_version IS 'The version_id that a name means: the newest, or the one after @';
COMMENT ON MACRO store.resolve_versions IS 'The version_ids that a name means as a beginning: all of its artifact, or the one after @';
COMMENT ON MACRO TABLE upstream IS 'Everything that the version named x depends on, at any distance; confidence is the minimum along the best path';
COMMENT ON MACRO TABLE downstream IS 'Everything that depends on any version of the artifact named x, or on the one after @, at any distance';
COMMENT ON MACRO TABLE history IS 'All versions of the artifact named x, oldest first';
COMMENT ON MACRO TABLE readers IS 'Who read the artifact named x, and when';
COMMENT ON MACRO TABLE producers IS 'Who wrote the artifact named x, with which code';
COMMENT ON MACRO TABLE impact IS 'The models that depend on any version of the artifact named x, or on the one after @, and where copies of them lie';
