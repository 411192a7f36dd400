-- Borders inside an execution (cells, tasks, requests): what was read in one context did not go into what was
-- written in another one that is known not to use its data. Not known means that it may. First of the rule files.
CREATE OR REPLACE MACRO store.apart(read_context, write_context, sources) AS
    coalesce(read_context <> write_context AND NOT list_contains(sources, read_context), false);
COMMENT ON MACRO store.apart IS 'Whether a context that writes is known not to use the data of one that reads; such edges have 0.3';
