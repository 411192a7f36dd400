-- Digests that an older log knows, see remember.sql; empty in an ordinary ingest.
CREATE OR REPLACE TEMP TABLE remembered (uri VARCHAR, fingerprint VARCHAR, digest VARCHAR);
