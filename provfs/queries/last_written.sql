-- Of many versions those whose inputs hold the inputs of all: per thread, and task, of a writer the last one, since
-- all that was read before an earlier one was read before it; and all with an edge of their own.
SELECT max({'closed_ns': closed_ns, 'version_id': version_id}).version_id
FROM store.writes WHERE version_id IN (SELECT unnest(?::BIGINT[]))
GROUP BY execution_id, thread, context, copied
UNION SELECT output_version_id FROM store.links WHERE output_version_id IN (SELECT unnest(?::BIGINT[]))
