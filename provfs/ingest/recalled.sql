-- Digests that were found by an earlier ingest, when the file was still there. Reads: remembered. Parameter: the mode.
UPDATE arrived SET digest = k.digest
FROM remembered k JOIN uris u ON u.uri = k.uri
WHERE arrived.mode = $mode AND arrived.artifact_id = u.artifact_id AND arrived.fingerprint = k.fingerprint
    AND arrived.digest IS NULL AND arrived.version_id IS NULL AND NOT arrived.unstable;
