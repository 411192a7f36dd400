-- Of many versions those whose outputs hold the outputs of all: per thread, and task, of a reader the first one, since
-- all that was written after a later one was written after it; and all with an edge of their own.
SELECT min({'opened_ns': opened_ns, 'version_id': version_id}).version_id
FROM store.reads WHERE version_id IN (SELECT unnest(?::BIGINT[]))
GROUP BY execution_id, thread, context
UNION SELECT input_version_id FROM store.links WHERE input_version_id IN (SELECT unnest(?::BIGINT[]))
