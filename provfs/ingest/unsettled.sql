-- How many versions that were moved have to be looked at again. Reads: late.
SELECT count(*) FROM store.links WHERE rule = 'rename' AND input_version_id IN (FROM late);
