-- Rule pipe: which programs fed which through pipes, over any number of programs between them. A pipe is told by boot
-- and inode, which the kernel does not give again for a long time. Found anew for all programs that pipes join to
-- those of the batch. Reads: described. Leaves: store.relations.
CREATE OR REPLACE TEMP TABLE pipe_ends AS
SELECT execution_id, program_id, split_part(name, '-', 1) AS boot, input_pipe, output_pipe
FROM store.executions WHERE input_pipe IS NOT NULL OR output_pipe IS NOT NULL;

CREATE OR REPLACE TEMP TABLE fed AS
SELECT DISTINCT t.program_id, f.program_id AS other_id
FROM pipe_ends f
JOIN pipe_ends t ON t.boot = f.boot AND t.input_pipe = f.output_pipe AND t.program_id <> f.program_id;

CREATE OR REPLACE TEMP TABLE joined AS
WITH RECURSIVE near(program_id) AS (
    SELECT p.program_id FROM pipe_ends p JOIN described d ON d.execution_id = p.execution_id
    UNION
    SELECT CASE WHEN f.program_id = n.program_id THEN f.other_id ELSE f.program_id END
    FROM near n JOIN fed f ON n.program_id IN (f.program_id, f.other_id)
)
SELECT program_id FROM near;

DELETE FROM store.relations WHERE relation = 'pipe' AND program_id IN (FROM joined);

INSERT INTO store.relations
WITH RECURSIVE through(program_id, other_id) AS (
    SELECT program_id, other_id FROM fed WHERE program_id IN (FROM joined)
    UNION
    SELECT t.program_id, f.other_id FROM through t JOIN fed f ON f.program_id = t.other_id WHERE f.other_id <> t.program_id
)
SELECT program_id, other_id, 'pipe', NULL, NULL, NULL, NULL FROM through;

INSERT INTO changed FROM joined;
