-- What the named version was made from, and whether each still can be had.
SELECT r.*, v.ordinal, v.fingerprint FROM reproducible(?) r JOIN versions v ON v.version_id = r.version_id
ORDER BY r.depth, r.uri, r.version_id;
