-- Where a walk begins: the sides of places of its versions.
begun AS MATERIALIZED (
    SELECT unnest(ids)::BIGINT AS version_id
), beginning AS MATERIALIZED (
    SELECT artifact_id, execution_id FROM store.versions WHERE version_id IN (FROM begun)
), sides AS MATERIALIZED (
    SELECT DISTINCT 2 * coalesce(h.place_id, a.place_id) + 1 AS side
    FROM beginning b
    LEFT JOIN (
        SELECT artifact_id, place_id FROM store.artifacts WHERE artifact_id IN (SELECT artifact_id FROM beginning)
    ) a ON a.artifact_id = b.artifact_id
    LEFT JOIN (
        SELECT execution_id, program_id FROM store.executions
        WHERE execution_id IN (SELECT execution_id FROM beginning)
    ) e ON e.execution_id = b.execution_id
    LEFT JOIN store.homes h ON h.program_id = e.program_id
)
