-- Whether a batch has anything for flows.sql. Reads: arrived, passed, former, changed, regrouped.
SELECT (
    EXISTS (FROM arrived) OR EXISTS (FROM passed) OR EXISTS (FROM changed) OR EXISTS (FROM regrouped)
    OR EXISTS (FROM former)
)::INTEGER;
