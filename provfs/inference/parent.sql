-- parent: a program above the writing one had read the input before it started its child on the way to the writer.
CREATE OR REPLACE MACRO store.parent_when(opened_ns, started_ns) AS opened_ns < started_ns;
COMMENT ON MACRO store.parent_when IS 'Rule parent: the input was opened before the child was started';
CREATE OR REPLACE MACRO store.parent_confidence() AS 0.6;
COMMENT ON MACRO store.parent_confidence IS 'Rule parent: 0.6';
