-- Who read and wrote the named artifact, and when.
SELECT * FROM usage(?) ORDER BY last_at DESC, mode;
