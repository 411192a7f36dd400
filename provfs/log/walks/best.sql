SELECT
    version_id, best.carried[1] // 16 AS depth, best.confidence AS confidence, nullif(best.carried[2], 0) AS via_execution,
    store.rule_of(best.carried[1] % 16) AS rule
FROM (
    SELECT version_id, max({
        'confidence': confidence, 'nearest': -(store.months(carried) // 16),
        'carried': [store.months(carried), datepart('day', carried) + 30 * store.months(carried)]
    }) AS best
    FROM (FROM reached UNION ALL FROM far)
    GROUP BY version_id
)
