-- same-process: the execution opened the input before it last closed the output. 1.0 where one thread or task did both.
CREATE OR REPLACE MACRO store.same_process_when(opened_ns, closed_ns) AS opened_ns < closed_ns;
COMMENT ON MACRO store.same_process_when IS 'Rule same-process: the input was opened before the output was closed';
CREATE OR REPLACE MACRO store.same_process_confidence(is_one_thread) AS CASE WHEN is_one_thread THEN 1.0 ELSE 0.9 END;
COMMENT ON MACRO store.same_process_confidence IS 'Rule same-process: 1.0 in one thread or task, else 0.9';
