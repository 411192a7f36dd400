-- How much the log holds, what is known to be missing, and how far it got.
SELECT
    (SELECT count(*) FROM executions) AS executions,
    (SELECT count(*) FROM artifacts) AS artifacts,
    (SELECT count(*) FROM versions) AS versions,
    (SELECT count(*) FROM accesses) AS accesses,
    (SELECT count(*) FROM versions WHERE NOT complete) AS incomplete_versions,
    (SELECT coalesce(sum(count), 0)::BIGINT FROM gaps) AS gaps,
    (SELECT coalesce(sum(lost_records), 0)::BIGINT FROM executions) AS lost_records,
    (SELECT value FROM store.meta WHERE key = 'format') AS format,
    (SELECT max(ingested_ns) FROM store.journals) AS ingested_ns,
    (SELECT make_timestamptz(value::BIGINT // 1000) FROM store.meta WHERE key = 'accesses_since_ns') AS accesses_since,
    version() AS duckdb;
