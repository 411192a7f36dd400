-- What hangs below each node of a tree, folded: datasets and shards into one row, and where more than so many things of
-- a kind lie in one directory, all below it into one row. Reads the temporary tables step (node, near, far, best) and
-- member (node, version_id). The digest of a folded row is that of the text which has one line for each version,
-- digest, two spaces, path below the place, in the order of the bytes of the paths; null where a digest is missing.
WITH bounds AS MATERIALIZED (SELECT ?::DOUBLE AS least_confidence, ?::BIGINT AS most),
kept AS MATERIALIZED (
    SELECT s.node, s.far AS version_id, s.best FROM step s
    WHERE s.best.confidence >= (SELECT least_confidence FROM bounds) AND NOT EXISTS (FROM member m WHERE m.node = s.node AND m.version_id = s.far)
), described AS MATERIALIZED (
    SELECT k.node, k.version_id, v.artifact_id, v.digest, v.size_bytes, a.uri, a.kind, store.unit_of(a.uri) AS unit
    FROM (SELECT DISTINCT node, version_id FROM kept) k
    JOIN store.versions v ON v.version_id = k.version_id AND NOT v.scratch
    JOIN store.artifacts a ON a.artifact_id = v.artifact_id
), units AS (
    SELECT node, unit, min(kind) FILTER (kind IN ('dataset', 'model')) AS kind
    FROM described WHERE unit <> uri GROUP BY node, unit HAVING count(DISTINCT artifact_id) > 1
), busy AS (
    SELECT node, artifact_id FROM described GROUP BY node, artifact_id HAVING count(*) > (SELECT most FROM bounds)
), entries AS MATERIALIZED (
    SELECT d.*, coalesce(u.unit, d.uri) AS entry, coalesce(u.kind, d.kind) AS entry_kind, b.node IS NOT NULL AS is_busy,
        regexp_extract(rtrim(coalesce(u.unit, d.uri), '/'), '^(.*/)', 1) AS parent
    FROM described d
    LEFT JOIN units u ON u.node = d.node AND u.unit = d.unit
    LEFT JOIN busy b ON b.node = d.node AND b.artifact_id = d.artifact_id
), homes AS MATERIALIZED (
    SELECT node, entry_kind, parent, count(DISTINCT entry) AS entries, string_split(rtrim(parent, '/'), '/') AS parts
    FROM entries GROUP BY ALL
), prefixes AS MATERIALIZED (
    SELECT node, entry_kind, parent, entries, level,
        array_to_string(parts[:level], '/') || '/' AS prefix, parts[level + 1] AS child
    FROM (SELECT *, unnest(range(3, greatest(len(parts), 3) + 1)) AS level FROM homes)
), crowded AS MATERIALIZED (
    SELECT node, entry_kind, prefix FROM prefixes GROUP BY node, entry_kind, prefix
    HAVING count(DISTINCT child) + coalesce(sum(entries) FILTER (prefix = parent), 0) > (SELECT most FROM bounds)
), folds AS (
    SELECT p.node, p.entry_kind, p.parent, min_by(p.prefix, p.level) AS prefix
    FROM prefixes p JOIN crowded c ON c.node = p.node AND c.entry_kind = p.entry_kind AND c.prefix = p.prefix
    GROUP BY p.node, p.entry_kind, p.parent
), placed AS MATERIALIZED (
    SELECT e.*, coalesce(f.prefix, e.entry) AS place,
        CASE WHEN f.prefix IS NULL AND e.entry = e.uri AND NOT e.is_busy THEN e.version_id END AS alone
    FROM entries e LEFT JOIN folds f ON f.node = e.node AND f.entry_kind = e.entry_kind AND f.parent = e.parent
), why AS (
    SELECT p.node, p.place, p.entry_kind, p.alone, min(k.best.confidence) AS confidence,
        list_sort(list(DISTINCT k.best.rule)) AS rules,
        list_sort(list(DISTINCT k.best.execution_id) FILTER (k.best.execution_id IS NOT NULL)) AS execution_ids
    FROM placed p JOIN kept k ON k.node = p.node AND k.version_id = p.version_id
    GROUP BY p.node, p.place, p.entry_kind, p.alone
), content AS (
    SELECT node, place, entry_kind, alone, list(version_id ORDER BY version_id) AS version_ids,
        count(DISTINCT artifact_id) AS files, sum(size_bytes)::BIGINT AS size_bytes,
        CASE WHEN alone IS NOT NULL THEN any_value(digest) WHEN count(digest) = count(*) THEN 'tree-sha256:' || sha256(string_agg(
            digest || '  ' || substr(uri, length(regexp_extract(place, '^(.*/)', 1)) + 1) || chr(10), ''
            ORDER BY uri, version_id
        )) END AS digest
    FROM placed GROUP BY node, place, entry_kind, alone
)
SELECT c.node, c.place, c.entry_kind AS kind, c.version_ids, c.files, c.size_bytes, c.digest, w.confidence, w.rules,
    coalesce(w.execution_ids, []) AS execution_ids
FROM content c
JOIN why w ON w.node = c.node AND w.place = c.place AND w.entry_kind = c.entry_kind AND w.alone IS NOT DISTINCT FROM c.alone
ORDER BY c.node, c.place, c.version_ids[1]
