-- Whether reads of a batch tell no state of a local file, as `reads_remote.sql` looks for. Reads: arrived.
SELECT EXISTS (
    FROM arrived WHERE mode = 'read' AND (digest IS NOT NULL OR fingerprint IS NOT NULL)
        AND (fingerprint IS NULL OR fingerprint[1:5] IN ('etag:', 'versi', 'copy:'))
)::INTEGER;
