-- What other steps of a batch may or may not leave for flows.sql. Leaves: regrouped, changed, passed: pairs of versions
-- of which the second, or what read it, may depend on the first; former: places in which versions lay that are said
-- to be others now, or to have another writer.
CREATE OR REPLACE TEMP TABLE regrouped (execution_id BIGINT, program_id BIGINT, old_program_id BIGINT);
CREATE OR REPLACE TEMP TABLE changed (program_id BIGINT);
CREATE OR REPLACE TEMP TABLE passed (from_id BIGINT, to_id BIGINT);
CREATE OR REPLACE TEMP TABLE former (version_id BIGINT, place_id BIGINT);
