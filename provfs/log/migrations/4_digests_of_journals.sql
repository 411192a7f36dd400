-- Format 4: what was taken from a journal can be told from what stands in it today.
ALTER TABLE store.journals ADD COLUMN digest VARCHAR;
COMMENT ON COLUMN store.journals.digest IS 'sha256 of the bytes taken in this ingest; null where an older provfs took them';
