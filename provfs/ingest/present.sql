-- Local files that should be there: the newest version of each artifact, with its digest.
SELECT uri, digest FROM versions
WHERE ended_at IS NULL AND complete AND digest IS NOT NULL AND uri LIKE 'file://%'
ORDER BY uri;
