-- The digests that were found for them. Parameters: fingerprints and digests, as lists in step.
UPDATE arrived SET digest = k.digest
FROM (SELECT unnest($fingerprints::VARCHAR[]) AS fingerprint, unnest($digests::VARCHAR[]) AS digest) k
WHERE arrived.fingerprint = k.fingerprint AND arrived.digest IS NULL AND NOT arrived.unstable;
