-- worker: another execution of the same program, a worker forked or spawned, did the reading or the writing.
CREATE OR REPLACE MACRO store.worker_when(opened_ns, closed_ns) AS opened_ns < closed_ns;
COMMENT ON MACRO store.worker_when IS 'Rule worker: the input was opened before the output was closed';
CREATE OR REPLACE MACRO store.worker_confidence() AS 0.9;
COMMENT ON MACRO store.worker_confidence IS 'Rule worker: 0.9';
