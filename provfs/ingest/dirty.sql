-- Whether tracked files differed from the commit is looked for once for a run, while its command starts. What runs
-- below it, of the same commit, has the answer from there. Reads: who, described.
UPDATE store.executions AS e SET git_dirty = f.git_dirty
FROM (
    WITH RECURSIVE climb(execution_id, git_commit, above_id) AS (
        SELECT execution_id, git_commit, parent_id FROM store.executions
        WHERE git_dirty IS NULL AND git_commit IS NOT NULL AND parent_id IS NOT NULL
            AND execution_id IN (SELECT execution_id FROM described)
        UNION
        SELECT c.execution_id, c.git_commit, a.parent_id
        FROM climb c JOIN store.executions a ON a.execution_id = c.above_id
        WHERE a.parent_id IS NOT NULL AND a.parent_id <> c.above_id
            AND (a.git_dirty IS NULL OR a.git_commit IS DISTINCT FROM c.git_commit)
    )
    SELECT c.execution_id, any_value(a.git_dirty) AS git_dirty
    FROM climb c
    JOIN store.executions a ON a.execution_id = c.above_id AND a.git_commit = c.git_commit AND a.git_dirty IS NOT NULL
    GROUP BY c.execution_id
) f
WHERE f.execution_id = e.execution_id;
