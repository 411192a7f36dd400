-- child: a program below the writing one had read the input, was waited for on the whole way up, and then came the write.
CREATE OR REPLACE MACRO store.child_when(closed_ns, waited_ns) AS waited_ns < closed_ns;
COMMENT ON MACRO store.child_when IS 'Rule child: the output was closed after the writer had waited for its child';
CREATE OR REPLACE MACRO store.child_confidence() AS 0.6;
COMMENT ON MACRO store.child_confidence IS 'Rule child: 0.6';
