-- The questions of the lineage log as table macros; they work in plain DuckDB on the log file.
-- A name x is a uri, an absolute path, or a suffix of whole path parts that names exactly one artifact; x@2
-- means its second version; without @ questions about the past mean the newest version, questions about what
-- became of it (downstream, impact) all versions.

CREATE OR REPLACE MACRO store.named_artifacts(x) AS TABLE
WITH wanted AS (SELECT regexp_replace(x, '@[0-9]+$', '') AS name),
exact AS (
    SELECT a.artifact_id, a.uri FROM artifacts a, wanted w WHERE a.uri = w.name OR a.uri = 'file://' || w.name
)
SELECT artifact_id, uri FROM exact
UNION ALL
SELECT a.artifact_id, a.uri FROM artifacts a, wanted w
WHERE ends_with(a.uri, '/' || w.name) AND NOT EXISTS (FROM exact);

CREATE OR REPLACE MACRO store.resolve_artifact(x) AS (
    SELECT CASE
        WHEN count(*) = 1 THEN any_value(artifact_id)
        WHEN count(*) = 0 THEN error('unknown artifact: ' || x)
        ELSE error('ambiguous artifact: ' || x || ' names ' || count(*) || ': '
            || array_to_string(list_sort(list(uri))[:10], ', '))
    END
    FROM store.named_artifacts(x)
);

CREATE OR REPLACE MACRO store.resolve_version(x) AS (
    SELECT coalesce(
        arg_max(version_id, ordinal) FILTER (
            WHERE NOT regexp_matches(x, '@[0-9]+$') OR ordinal = try_cast(regexp_extract(x, '@([0-9]+)$', 1) AS BIGINT)
        ),
        error('unknown version: ' || x || '; the newest is @' || count(*))
    )
    FROM versions WHERE artifact_id = store.resolve_artifact(x)
);

-- Where things went: without @ all versions of the artifact are meant.
CREATE OR REPLACE MACRO store.resolve_versions(x) AS (
    CASE WHEN regexp_matches(x, '@[0-9]+$') THEN [store.resolve_version(x)]
        ELSE (SELECT list(version_id) FROM store.versions WHERE artifact_id = store.resolve_artifact(x) AND NOT scratch) END
);

-- Every version that the given ones depend on, with the best path: highest minimum confidence, then fewest
-- hops. Scratch files are walked through and do not count as hops.
-- The reads of a program meet one row per writing thread and confidence, never one row per write.
CREATE OR REPLACE MACRO store.walk_up(ids, floor) AS TABLE
WITH RECURSIVE walk(version_id, depth, confidence, via_execution, rule) USING KEY (version_id) AS (
    SELECT unnest(ids)::BIGINT, 0::BIGINT, 1.0::DOUBLE, NULL::BIGINT, NULL::VARCHAR
    UNION
    (
        WITH writers AS MATERIALIZED (
            SELECT
                w.program_id, w.execution_id, w.thread, w.context, w.copied, f.confidence, f.depth,
                max(w.closed_ns) AS closed_ns
            FROM (SELECT * FROM store.writes WHERE version_id IN (SELECT version_id FROM walk)) w
            JOIN walk f ON f.version_id = w.version_id
            GROUP BY ALL
        ), reachable AS MATERIALIZED (
            SELECT
                w.*, c.sources, x.other_id, x.relation, x.started_ns, x.context AS child_context,
                x.sources AS child_sources
            FROM writers w
            LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
            JOIN (SELECT * FROM store.relations WHERE program_id IN (SELECT program_id FROM writers)) x
                ON x.program_id = w.program_id AND (x.relation <> 'descendant' OR x.waited_ns < w.closed_ns)
        ), found AS (
            SELECT
                r.version_id, p.depth, p.execution_id AS via_execution,
                CASE WHEN p.relation = 'ancestor' THEN 'parent' WHEN p.relation = 'descendant' THEN 'child'
                    WHEN p.relation IN ('peer', 'pipe') THEN p.relation
                    WHEN r.execution_id = p.execution_id THEN 'same-process' ELSE 'worker' END AS rule,
                least(p.confidence, CASE
                    WHEN CASE p.relation WHEN 'self' THEN store.apart(r.context, p.context, p.sources)
                        WHEN 'ancestor' THEN store.apart(r.context, p.child_context, p.child_sources)
                        WHEN 'descendant' THEN store.apart(p.child_context, p.context, p.sources) ELSE false END THEN 0.3
                    WHEN p.copied THEN 0.4 WHEN p.relation = 'peer' THEN 0.8 WHEN p.relation = 'pipe' THEN 0.9 WHEN p.relation <> 'self' THEN 0.6
                    WHEN r.execution_id = p.execution_id AND r.thread = p.thread THEN 1.0 ELSE 0.9 END) AS confidence
            FROM (SELECT * FROM store.reads WHERE program_id IN (SELECT other_id FROM reachable)) r
            JOIN reachable p ON p.other_id = r.program_id
                AND CASE p.relation WHEN 'ancestor' THEN r.opened_ns < p.started_ns
                    WHEN 'descendant' THEN true ELSE r.opened_ns < p.closed_ns END
            UNION ALL
            SELECT l.input_version_id, f.depth, l.execution_id, l.rule, least(f.confidence, l.confidence)
            FROM (SELECT * FROM store.links WHERE output_version_id IN (SELECT version_id FROM walk)) l
            JOIN walk f ON f.version_id = l.output_version_id
        ), best AS (
            SELECT
                f.version_id, max(f.confidence) AS confidence,
                arg_max(f.depth, (f.confidence, -f.depth)) + CASE WHEN any_value(v.scratch) THEN 0 ELSE 1 END AS depth,
                arg_max(f.via_execution, (f.confidence, -f.depth)) AS via_execution,
                arg_max(f.rule, (f.confidence, -f.depth)) AS rule
            FROM found f
            JOIN (SELECT version_id, scratch FROM store.versions WHERE version_id IN (SELECT version_id FROM found)) v
                ON v.version_id = f.version_id
            WHERE f.confidence >= floor
            GROUP BY f.version_id
        )
        SELECT b.version_id, b.depth, b.confidence, b.via_execution, b.rule
        FROM best b LEFT JOIN recurring.walk k ON k.version_id = b.version_id
        WHERE k.version_id IS NULL OR b.confidence > k.confidence OR (b.confidence = k.confidence AND b.depth < k.depth)
    )
)
SELECT version_id, depth, confidence, via_execution, rule FROM walk;

-- The mirror image: every version that depends on the given ones.
CREATE OR REPLACE MACRO store.walk_down(ids, floor) AS TABLE
WITH RECURSIVE walk(version_id, depth, confidence, via_execution, rule) USING KEY (version_id) AS (
    SELECT unnest(ids)::BIGINT, 0::BIGINT, 1.0::DOUBLE, NULL::BIGINT, NULL::VARCHAR
    UNION
    (
        WITH readers AS MATERIALIZED (
            SELECT r.program_id, r.execution_id, r.thread, r.context, f.confidence, f.depth, min(r.opened_ns) AS opened_ns
            FROM (SELECT * FROM store.reads WHERE version_id IN (SELECT version_id FROM walk)) r
            JOIN walk f ON f.version_id = r.version_id
            GROUP BY ALL
        ), reachable AS MATERIALIZED (
            SELECT
                p.*, x.program_id AS writer_program, x.relation, x.waited_ns, x.context AS child_context,
                x.sources AS child_sources
            FROM readers p
            JOIN (SELECT * FROM store.relations WHERE other_id IN (SELECT program_id FROM readers)) x
                ON x.other_id = p.program_id AND (x.relation <> 'ancestor' OR p.opened_ns < x.started_ns)
        ), found AS (
            SELECT
                w.version_id, p.depth, w.execution_id AS via_execution,
                CASE WHEN p.relation = 'ancestor' THEN 'parent' WHEN p.relation = 'descendant' THEN 'child'
                    WHEN p.relation IN ('peer', 'pipe') THEN p.relation
                    WHEN w.execution_id = p.execution_id THEN 'same-process' ELSE 'worker' END AS rule,
                least(p.confidence, CASE
                    WHEN CASE p.relation WHEN 'self' THEN store.apart(p.context, w.context, c.sources)
                        WHEN 'ancestor' THEN store.apart(p.context, p.child_context, p.child_sources)
                        WHEN 'descendant' THEN store.apart(p.child_context, w.context, c.sources) ELSE false END THEN 0.3
                    WHEN w.copied THEN 0.4 WHEN p.relation = 'peer' THEN 0.8 WHEN p.relation = 'pipe' THEN 0.9 WHEN p.relation <> 'self' THEN 0.6
                    WHEN w.execution_id = p.execution_id AND w.thread = p.thread THEN 1.0 ELSE 0.9 END) AS confidence
            FROM (SELECT * FROM store.writes WHERE program_id IN (SELECT writer_program FROM reachable)) w
            JOIN reachable p ON p.writer_program = w.program_id
                AND CASE p.relation WHEN 'ancestor' THEN true
                    WHEN 'descendant' THEN p.waited_ns < w.closed_ns ELSE p.opened_ns < w.closed_ns END
            LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
            UNION ALL
            SELECT l.output_version_id, f.depth, l.execution_id, l.rule, least(f.confidence, l.confidence)
            FROM (SELECT * FROM store.links WHERE input_version_id IN (SELECT version_id FROM walk)) l
            JOIN walk f ON f.version_id = l.input_version_id
        ), best AS (
            SELECT
                f.version_id, max(f.confidence) AS confidence,
                arg_max(f.depth, (f.confidence, -f.depth)) + CASE WHEN any_value(v.scratch) THEN 0 ELSE 1 END AS depth,
                arg_max(f.via_execution, (f.confidence, -f.depth)) AS via_execution,
                arg_max(f.rule, (f.confidence, -f.depth)) AS rule
            FROM found f
            JOIN (SELECT version_id, scratch FROM store.versions WHERE version_id IN (SELECT version_id FROM found)) v
                ON v.version_id = f.version_id
            WHERE f.confidence >= floor
            GROUP BY f.version_id
        )
        SELECT b.version_id, b.depth, b.confidence, b.via_execution, b.rule
        FROM best b LEFT JOIN recurring.walk k ON k.version_id = b.version_id
        WHERE k.version_id IS NULL OR b.confidence > k.confidence OR (b.confidence = k.confidence AND b.depth < k.depth)
    )
)
SELECT version_id, depth, confidence, via_execution, rule FROM walk;

CREATE OR REPLACE MACRO upstream(x) AS TABLE
SELECT w.depth, a.uri, w.version_id, v.digest, w.via_execution, w.rule, w.confidence
FROM store.walk_up([store.resolve_version(x)], 0.5) w
JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
JOIN store.artifacts a ON a.artifact_id = v.artifact_id
WHERE w.depth > 0
ORDER BY w.depth, a.uri, w.version_id;

CREATE OR REPLACE MACRO downstream(x) AS TABLE
SELECT w.depth, a.uri, w.version_id, v.digest, w.via_execution, w.rule, w.confidence
FROM store.walk_down(store.resolve_versions(x), 0.5) w
JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
JOIN store.artifacts a ON a.artifact_id = v.artifact_id
WHERE w.depth > 0
ORDER BY w.depth, a.uri, w.version_id;

CREATE OR REPLACE MACRO history(x) AS TABLE
SELECT
    v.ordinal, v.version_id, v.uri, v.digest, v.size_bytes, v.origin, v.created_at, v.ended_at, v.execution_id,
    e.command, v.complete
FROM versions v LEFT JOIN store.executions e ON e.execution_id = v.execution_id
WHERE v.artifact_id = store.resolve_artifact(x)
ORDER BY v.ordinal;

CREATE OR REPLACE MACRO readers(x) AS TABLE
SELECT
    s.execution_id, s.program_id, e.user_name, e.host, e.pid, e.command, v.version_id, v.ordinal, v.digest,
    s.opened_at, s.closed_at, s.opens, s.bytes
FROM accesses s
JOIN versions v ON v.version_id = s.version_id
LEFT JOIN store.executions e ON e.execution_id = s.execution_id
WHERE s.mode = 'read' AND v.artifact_id = store.resolve_artifact(x)
ORDER BY s.opened_at;

CREATE OR REPLACE MACRO producers(x) AS TABLE
SELECT
    s.execution_id, s.program_id, e.user_name, e.host, e.pid, e.command, e.code_uri, e.code_digest, e.git_commit,
    v.version_id, v.ordinal, v.digest, s.opened_at, s.closed_at, s.bytes
FROM accesses s
JOIN versions v ON v.version_id = s.version_id
LEFT JOIN store.executions e ON e.execution_id = s.execution_id
WHERE s.mode = 'write' AND v.artifact_id = store.resolve_artifact(x)
ORDER BY s.closed_at;

CREATE OR REPLACE MACRO impact(x) AS TABLE
WITH reached AS MATERIALIZED (
    SELECT w.depth, w.version_id, v.artifact_id, v.digest, v.size_bytes, w.rule, w.confidence
    FROM store.walk_down(store.resolve_versions(x), 0.5) w
    JOIN store.versions v ON v.version_id = w.version_id AND NOT v.scratch
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
JOIN store.artifacts a ON a.artifact_id = r.artifact_id
WHERE r.depth > 0 AND a.kind = 'model'
ORDER BY r.depth, a.uri, r.version_id;

-- Current outputs whose inputs have a newer version with other content, or are such outputs themselves. An
-- output that was also made from the newer version is up to date with it.
CREATE OR REPLACE MACRO stale() AS TABLE
WITH RECURSIVE ordered AS MATERIALIZED (
    SELECT
        v.version_id, v.artifact_id, v.digest,
        last_value(v.version_id) OVER same_artifact AS newest_id,
        last_value(v.digest) OVER same_artifact AS newest_digest
    FROM store.versions v WHERE NOT v.scratch
    WINDOW same_artifact AS (
        PARTITION BY v.artifact_id ORDER BY v.created_ns, v.version_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
), current AS MATERIALIZED (
    SELECT version_id, artifact_id, digest FROM ordered
    WHERE version_id = newest_id AND version_id NOT IN (SELECT version_id FROM store.endings)
), made AS MATERIALIZED (
    SELECT e.input_version_id, e.output_version_id, e.confidence, i.artifact_id AS input_artifact,
        CASE WHEN i.digest IS DISTINCT FROM i.newest_digest OR i.digest IS NULL THEN nullif(i.newest_id, i.version_id)
        END AS newer_id,
        c.artifact_id AS output_artifact
    FROM edges e
    JOIN current c ON c.version_id = e.output_version_id
    JOIN ordered i ON i.version_id = e.input_version_id
), found(version_id, input_version_id, newer_version_id, depth, confidence) USING KEY (version_id) AS (
    SELECT m.output_version_id, min(m.input_version_id), arg_min(m.newer_id, m.input_version_id), 1::BIGINT, max(m.confidence)
    FROM made m
    WHERE m.newer_id IS NOT NULL AND m.input_artifact <> m.output_artifact
        AND NOT EXISTS (
            FROM made n WHERE n.output_version_id = m.output_version_id AND n.input_version_id = m.newer_id
        )
    GROUP BY m.output_version_id
    UNION
    SELECT m.output_version_id, min(m.input_version_id), NULL::BIGINT, max(f.depth) + 1, max(least(f.confidence, m.confidence))
    FROM found f
    JOIN made m ON m.input_version_id = f.version_id
    WHERE m.output_version_id NOT IN (SELECT version_id FROM recurring.found)
    GROUP BY m.output_version_id
)
SELECT
    a.uri, f.version_id, c.digest, f.depth, ia.uri AS input_uri, f.input_version_id, f.newer_version_id, f.confidence
FROM found f
JOIN current c ON c.version_id = f.version_id
JOIN store.artifacts a ON a.artifact_id = c.artifact_id
JOIN store.versions i ON i.version_id = f.input_version_id
JOIN store.artifacts ia ON ia.artifact_id = i.artifact_id
ORDER BY f.depth, a.uri;

COMMENT ON MACRO TABLE store.named_artifacts IS 'The artifacts that a name may mean';
COMMENT ON MACRO store.resolve_artifact IS 'The artifact_id of the one artifact that a name means; an error where it is none or several';
COMMENT ON MACRO store.resolve_version IS 'The version_id that a name means: the newest, or the one after @';
COMMENT ON MACRO store.resolve_versions IS 'The version_ids that a name means as a beginning: all of its artifact, or the one after @';
COMMENT ON MACRO TABLE store.walk_up IS 'All versions that the given ones depend on, with depth, best minimum confidence, execution and rule';
COMMENT ON MACRO TABLE store.walk_down IS 'All versions that depend on the given ones, with depth, best minimum confidence, execution and rule';
COMMENT ON MACRO TABLE upstream IS 'Everything that the version named x depends on, at any distance; confidence is the minimum along the best path';
COMMENT ON MACRO TABLE downstream IS 'Everything that depends on any version of the artifact named x, or on the one after @, at any distance';
COMMENT ON MACRO TABLE history IS 'All versions of the artifact named x, oldest first';
COMMENT ON MACRO TABLE readers IS 'Who read the artifact named x, and when';
COMMENT ON MACRO TABLE producers IS 'Who wrote the artifact named x, with which code';
COMMENT ON MACRO TABLE impact IS 'The models that depend on any version of the artifact named x, or on the one after @, and where copies of them lie';
COMMENT ON MACRO TABLE stale IS 'Current outputs of which an input has a newer version with other content, directly or further up';
