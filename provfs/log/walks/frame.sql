-- The walks. First a cheap one over the coarse graph of places (store.flows) finds which programs can be on the way at
-- all; what these read and wrote is fetched once, and the exact walk steps through that in memory. The coarse graph holds
-- every path and more, so that leaving out the rest leaves out nothing.
-- A row of a walk is a version reached with a confidence, the lowest on its path, after passing so many
-- scratch files, which are no hops. UNION drops what was reached before with the same three, so that every version is
-- looked at once for each of the few confidences, there is no cycle, and a step costs what it finds. What else a row
-- carries must not tell it from others: depth, rule and execution stand in an interval of no length (n months less
-- 30 n days), which SQL compares as equal to any other. The first that comes has the fewest hops; of those that come
-- together the one with the smallest rule and execution. To look back at what was found (USING KEY with recurring)
-- costs more than all the rest of a step.
-- The text of the step and what both walks share are filled in where the log is made.
CREATE OR REPLACE MACRO store.carry(depth, rule, execution_id) AS
    to_months((depth * 16 + rule)::INTEGER) + to_days((execution_id - 30 * (depth * 16 + rule))::INTEGER)
        - to_microseconds(execution_id * 86400000000);
CREATE OR REPLACE MACRO store.months(carried) AS (datepart('year', carried) * 12 + datepart('month', carried));
DROP MACRO IF EXISTS store.is_far;

-- Every version that the given ones depend on, with the best path: highest minimum confidence, then fewest hops.
CREATE OR REPLACE MACRO store.walk_up(ids, floor) AS TABLE
WITH RECURSIVE {sides}, coarse(side) AS (
    FROM sides
    UNION
    SELECT f.from_side FROM coarse c JOIN store.flows f ON f.to_side = c.side
), {near}, walk(version_id, confidence, passed, carried) AS (
    SELECT version_id, 1.0::DOUBLE, 0::BIGINT, store.carry(0, 0, 0) FROM begun
    UNION
    ({up})
)
{best};

-- The mirror image: every version that depends on the given ones.
CREATE OR REPLACE MACRO store.walk_down(ids, floor) AS TABLE
WITH RECURSIVE {sides}, coarse(side) AS (
    FROM sides
    UNION
    SELECT f.to_side FROM coarse c JOIN store.flows f ON f.from_side = c.side
), {near}, walk(version_id, confidence, passed, carried) AS (
    SELECT version_id, 1.0::DOUBLE, 0::BIGINT, store.carry(0, 0, 0) FROM begun
    UNION
    ({down})
)
{best};

COMMENT ON MACRO store.carry IS 'An interval of no length that carries a depth, the number of a rule and an execution';
COMMENT ON MACRO store.months IS 'What such an interval carries: 16 times the depth, plus the number of the rule';
COMMENT ON MACRO TABLE store.walk_up IS 'All versions that the given ones depend on, with depth, best minimum confidence, execution and rule';
COMMENT ON MACRO TABLE store.walk_down IS 'All versions that depend on the given ones, with depth, best minimum confidence, execution and rule';
