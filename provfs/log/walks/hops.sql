-- One row for all ways to one version in one step: fewest hops, then the smallest rule and execution, in one number.
SELECT
    version_id, confidence, passed,
    store.carry(carried // 17179869184, carried // 1073741824 % 16, carried % 1073741824)
FROM (
    SELECT
        version_id, confidence, passed + passing AS passed,
        min(((depth + 1 - passing) * 16 + rule) * 1073741824 + execution_id) AS carried
    FROM found
    WHERE confidence >= floor
    GROUP BY version_id, confidence, passed + passing
)
