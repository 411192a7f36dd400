-- The walks. A row of a walk is a version reached with a confidence, the lowest on its path, after passing so many
-- scratch files, which are no hops. UNION drops what was reached before with the same three, so that every version is
-- looked at once for each of the few confidences, there is no cycle, and a step costs what it finds. What else a row
-- carries must not tell it from others: depth, rule and execution stand in an interval of no length (n months less
-- 30 n days), which SQL compares as equal to any other. The first that comes has the fewest hops. To look back at
-- what was found (USING KEY with recurring) costs more than all the rest of a step.
-- A walk begins with steps that look for the few rows they need in the stored tables. Should it go on after
-- 32 steps, it reads the tables once and steps in memory: a step of the first sort costs the same whatever it
-- finds, the reading as much as hundreds of the second sort. The two sorts are the same text, of step_up.sql and
-- step_down.sql; what differs is filled in where the log is made.
CREATE OR REPLACE MACRO store.carry(depth, rule, execution_id) AS
    to_months((depth * 16 + rule)::INTEGER) + to_days((execution_id - 30 * (depth * 16 + rule))::INTEGER)
        - to_microseconds(execution_id * 86400000000);
CREATE OR REPLACE MACRO store.months(carried) AS (datepart('year', carried) * 12 + datepart('month', carried));
CREATE OR REPLACE MACRO store.is_far(carried, passed) AS (store.months(carried) // 16 + passed >= 32);

-- Every version that the given ones depend on, with the best path: highest minimum confidence, then fewest hops.
CREATE OR REPLACE MACRO store.walk_up(ids, floor) AS TABLE
WITH RECURSIVE walk(version_id, confidence, passed, carried) AS (
    SELECT unnest(ids)::BIGINT, 1.0::DOUBLE, 0::BIGINT, store.carry(0, 0, 0)
    UNION
    ({up_near})
), reached AS MATERIALIZED (
    FROM walk
), far(version_id, confidence, passed, carried) AS (
    FROM reached WHERE store.is_far(carried, passed)
    UNION
    ({up_far})
)
{best};

-- The mirror image: every version that depends on the given ones.
CREATE OR REPLACE MACRO store.walk_down(ids, floor) AS TABLE
WITH RECURSIVE walk(version_id, confidence, passed, carried) AS (
    SELECT unnest(ids)::BIGINT, 1.0::DOUBLE, 0::BIGINT, store.carry(0, 0, 0)
    UNION
    ({down_near})
), reached AS MATERIALIZED (
    FROM walk
), far(version_id, confidence, passed, carried) AS (
    FROM reached WHERE store.is_far(carried, passed)
    UNION
    ({down_far})
)
{best};

COMMENT ON MACRO store.carry IS 'An interval of no length that carries a depth, the number of a rule and an execution';
COMMENT ON MACRO store.months IS 'What such an interval carries: 16 times the depth, plus the number of the rule';
COMMENT ON MACRO store.is_far IS 'Whether a walk has come so far that it reads the tables once and goes on in memory';
COMMENT ON MACRO TABLE store.walk_up IS 'All versions that the given ones depend on, with depth, best minimum confidence, execution and rule';
COMMENT ON MACRO TABLE store.walk_down IS 'All versions that depend on the given ones, with depth, best minimum confidence, execution and rule';
