-- What all rules say of pairs of versions, one row for each read and write: by ids, and with names, so that a filter
-- on a name reaches the few reads and writes that it is about. The first part of both is the same join, since a view of
-- it below the names would keep the filter from it, and names that nobody asks for make a level of a tree 1.1 to 1.7
-- times as long in a log of ten million accesses. Last of the rule files. The rules copy and rename are
-- found when versions arrive, because they need digests and places of the whole log: copies.sql, and for a version
-- that another program moved, moves.sql of the ingest.
CREATE OR REPLACE VIEW store.evidence AS
SELECT
    r.version_id AS input_version_id, w.version_id AS output_version_id, w.execution_id,
    store.rule_between(x.relation, r.execution_id = w.execution_id) AS precedence,
    store.confidence_between(
        x.relation, r.execution_id = w.execution_id, r.thread = w.thread, w.copied, r.context, w.context, c.sources,
        x.context, x.sources
    ) AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
JOIN store.relations x ON x.program_id = w.program_id
JOIN store.reads r
    ON r.program_id = x.other_id AND r.version_id <> w.version_id
    AND store.follows(x.relation, r.opened_ns, w.closed_ns, x.started_ns, x.waited_ns)
UNION ALL
SELECT
    input_version_id, output_version_id, execution_id, CASE rule WHEN 'copy' THEN 1 ELSE 2 END, confidence, read_ns,
    written_ns
FROM store.links
UNION ALL
SELECT input_version_id, output_version_id, NULL, 9, confidence, read_ns, written_ns FROM store."window";
COMMENT ON VIEW store.evidence IS 'What each rule says about each pair of versions, one row per read and write';

CREATE OR REPLACE VIEW store.named_evidence AS
SELECT
    r.version_id AS input_version_id, ia.uri AS input_uri, iv.digest AS input_digest, iv.scratch AS input_scratch,
    w.version_id AS output_version_id, oa.uri AS output_uri, ov.digest AS output_digest, ov.scratch AS output_scratch,
    w.execution_id, store.rule_between(x.relation, r.execution_id = w.execution_id) AS precedence,
    store.confidence_between(
        x.relation, r.execution_id = w.execution_id, r.thread = w.thread, w.copied, r.context, w.context, c.sources,
        x.context, x.sources
    ) AS confidence,
    r.opened_ns AS read_ns, w.closed_ns AS written_ns
FROM store.writes w
LEFT JOIN store.contexts c ON c.execution_id = w.execution_id AND c.context = w.context
JOIN store.relations x ON x.program_id = w.program_id
JOIN store.reads r
    ON r.program_id = x.other_id AND r.version_id <> w.version_id
    AND store.follows(x.relation, r.opened_ns, w.closed_ns, x.started_ns, x.waited_ns)
JOIN store.versions iv ON iv.version_id = r.version_id
JOIN store.artifacts ia ON ia.artifact_id = iv.artifact_id
JOIN store.versions ov ON ov.version_id = w.version_id
JOIN store.artifacts oa ON oa.artifact_id = ov.artifact_id
UNION ALL
SELECT
    l.input_version_id, ia.uri, iv.digest, iv.scratch, l.output_version_id, oa.uri, ov.digest, ov.scratch,
    l.execution_id, CASE l.rule WHEN 'copy' THEN 1 ELSE 2 END, l.confidence, l.read_ns, l.written_ns
FROM store.links l
JOIN store.versions iv ON iv.version_id = l.input_version_id
JOIN store.artifacts ia ON ia.artifact_id = iv.artifact_id
JOIN store.versions ov ON ov.version_id = l.output_version_id
JOIN store.artifacts oa ON oa.artifact_id = ov.artifact_id
UNION ALL
SELECT
    l.input_version_id, ia.uri, iv.digest, iv.scratch, l.output_version_id, oa.uri, ov.digest, ov.scratch,
    NULL, 9, l.confidence, l.read_ns, l.written_ns
FROM store."window" l
JOIN store.versions iv ON iv.version_id = l.input_version_id
JOIN store.artifacts ia ON ia.artifact_id = iv.artifact_id
JOIN store.versions ov ON ov.version_id = l.output_version_id
JOIN store.artifacts oa ON oa.artifact_id = ov.artifact_id;
COMMENT ON VIEW store.named_evidence IS 'The same with uris, digests and whether a side is scratch';

-- Views of earlier versions of provfs.
DROP VIEW IF EXISTS store.same_process;
DROP VIEW IF EXISTS store.worker;
DROP VIEW IF EXISTS store.pipe;
DROP VIEW IF EXISTS store.peer;
DROP VIEW IF EXISTS store.parent;
DROP VIEW IF EXISTS store.child;
DROP VIEW IF EXISTS store.rename;
DROP VIEW IF EXISTS store.copy;
DROP VIEW IF EXISTS store.pairs;
