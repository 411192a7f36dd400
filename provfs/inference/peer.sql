-- peer: the two are ranks of one distributed job, as its environment says.
CREATE OR REPLACE MACRO store.peer_when(opened_ns, closed_ns) AS opened_ns < closed_ns;
COMMENT ON MACRO store.peer_when IS 'Rule peer: the input was opened before the output was closed';
CREATE OR REPLACE MACRO store.peer_confidence() AS 0.8;
COMMENT ON MACRO store.peer_confidence IS 'Rule peer: 0.8';
