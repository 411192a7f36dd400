-- The evidence that leads to some versions, by strength. {ids} is a list of integers.
SELECT output_version_id AS near, input_version_id AS far,
    max({
        'confidence': confidence, 'precedence': -precedence, 'execution_id': execution_id, 'rule': store.rule_of(precedence)
    }) AS best
FROM store.evidence
WHERE output_version_id IN ({ids})
GROUP BY near, far
