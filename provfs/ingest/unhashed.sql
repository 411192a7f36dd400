-- Local files that were accessed and have neither a digest nor a known version. Parameter: the mode. What the agent
-- saw is left to the agent, which hashes with more care and tells the digest later.
SELECT DISTINCT u.uri, a.fingerprint
FROM arrived a JOIN uris u ON u.artifact_id = a.artifact_id
WHERE a.mode = $mode AND a.digest IS NULL AND a.version_id IS NULL AND NOT a.unstable
    AND a.fingerprint LIKE 'stat:%' AND u.uri LIKE 'file://%' AND a.channel <> 'agent';
