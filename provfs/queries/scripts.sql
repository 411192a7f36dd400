-- The scripts and the project's own modules that some executions ran or imported.
SELECT DISTINCT uri, digest FROM (
    SELECT code_uri AS uri, code_digest AS digest, execution_id FROM executions WHERE code_uri IS NOT NULL
    UNION ALL SELECT uri, digest, execution_id FROM code
)
WHERE execution_id IN (SELECT unnest(?::BIGINT[])) ORDER BY uri, digest;
