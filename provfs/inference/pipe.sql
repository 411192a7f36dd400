-- pipe: what the reading program put out went into the input of the writing one, through any number of pipes.
CREATE OR REPLACE MACRO store.pipe_when(opened_ns, closed_ns) AS opened_ns < closed_ns;
COMMENT ON MACRO store.pipe_when IS 'Rule pipe: the input was opened before the output was closed';
CREATE OR REPLACE MACRO store.pipe_confidence() AS 0.9;
COMMENT ON MACRO store.pipe_confidence IS 'Rule pipe: 0.9';
