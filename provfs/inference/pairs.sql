-- All rules together, one row per input and output: the strongest rule. Last of the rule files.
CREATE OR REPLACE VIEW store.evidence AS
SELECT *, 1 AS precedence FROM store.copy
UNION ALL SELECT *, 2 FROM store.rename
UNION ALL SELECT *, 3 FROM store.same_process
UNION ALL SELECT *, 4 FROM store.worker
UNION ALL SELECT *, 5 FROM store.pipe
UNION ALL SELECT *, 6 FROM store.peer
UNION ALL SELECT *, 7 FROM store.parent
UNION ALL SELECT *, 8 FROM store.child
UNION ALL SELECT *, 99 FROM store."window";
COMMENT ON VIEW store.evidence IS 'What each rule says about each pair of versions';

CREATE OR REPLACE VIEW store.pairs AS
SELECT
    input_version_id, output_version_id, strongest.execution_id, strongest.rule, strongest.confidence,
    strongest.read_ns, strongest.written_ns
FROM (
    SELECT input_version_id, output_version_id, max({
        'confidence': confidence, 'precedence': -precedence, 'earliest': -read_ns, 'read_ns': read_ns,
        'written_ns': written_ns, 'execution_id': execution_id, 'rule': rule
    }) AS strongest
    FROM store.evidence
    GROUP BY input_version_id, output_version_id
);
COMMENT ON VIEW store.pairs IS 'One row per pair of versions, with the strongest rule';
