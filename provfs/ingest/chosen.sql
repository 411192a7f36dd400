-- Kinds that the user's patterns tell. Parameters: uris and kinds, as lists in step. Leaves: chosen.
CREATE OR REPLACE TEMP TABLE chosen AS SELECT unnest($uris::VARCHAR[]) AS uri, unnest($kinds::VARCHAR[]) AS kind;
