SELECT
    version_id, best.depth AS depth, best.confidence AS confidence, nullif(best.execution_id, 0) AS via_execution,
    store.rule_of(best.rule) AS rule
FROM (
    SELECT version_id, max({
        'confidence': confidence, 'first': -(store.months(carried) * 1073741824 + execution_id),
        'depth': store.months(carried) // 16, 'rule': store.months(carried) % 16, 'execution_id': execution_id
    }) AS best
    FROM (SELECT *, datepart('day', carried) + 30 * store.months(carried) AS execution_id FROM walk)
    GROUP BY version_id
)
