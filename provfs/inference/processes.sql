-- The rules by which a process that reads and one that writes make an edge. They are one join, of writes with the
-- programs whose reads may have reached the writing one (store.relations) and these reads; the macros say what is
-- what, here and in the walks.
--
-- rule          relation of the reading program            when                                       confidence
-- same-process  self, the same execution                   opened before the output was closed        1.0 in one thread or task, else 0.9
-- worker        self, another execution                    likewise                                   0.9
-- pipe          its output went into the writer's input    likewise                                   0.9
-- peer          another rank of the job                    likewise                                   0.8
-- parent        ancestor                                   opened before it started the child         0.6
-- child         descendant, waited for on the whole way    output closed after the writer's own wait  0.6
--
-- 0.4 where the output is a seen copy of something else; 0.3 where the context that wrote is known not to use what
-- the one that read has, of a child the context in which it was started.
CREATE OR REPLACE MACRO store.follows(relation, opened_ns, closed_ns, started_ns, waited_ns) AS CASE relation
    WHEN 'ancestor' THEN opened_ns < started_ns
    WHEN 'descendant' THEN waited_ns < closed_ns
    ELSE opened_ns < closed_ns
END;
COMMENT ON MACRO store.follows IS 'Whether a write may depend on a read of a program so related: the times of both, and those of the relation';

-- Rules have the numbers that decide between equal confidences.
CREATE OR REPLACE MACRO store.rule_of(number) AS (
    ['copy', 'rename', 'same-process', 'worker', 'pipe', 'peer', 'parent', 'child', 'window'][number]
);
COMMENT ON MACRO store.rule_of IS 'The rule of this number; of equal confidence the one with the smaller number counts';

CREATE OR REPLACE MACRO store.rule_between(relation, is_one_execution) AS CASE
    WHEN relation = 'self' AND is_one_execution THEN 3
    ELSE list_position(['self', 'pipe', 'peer', 'ancestor', 'descendant'], relation) + 3
END;
COMMENT ON MACRO store.rule_between IS 'The number of the rule by which programs so related make an edge';

CREATE OR REPLACE MACRO store.confidence_between(
    relation, is_one_thread, copied, read_context, write_context, sources, child_context, child_sources
) AS CASE
    WHEN CASE relation
        WHEN 'self' THEN store.apart(read_context, write_context, sources)
        WHEN 'ancestor' THEN store.apart(read_context, child_context, child_sources)
        WHEN 'descendant' THEN store.apart(child_context, write_context, sources)
        ELSE false END THEN 0.3
    WHEN copied THEN 0.4
    WHEN relation = 'peer' THEN 0.8
    WHEN relation IN ('ancestor', 'descendant') THEN 0.6
    WHEN is_one_thread THEN 1.0
    ELSE 0.9
END::DOUBLE;
COMMENT ON MACRO store.confidence_between IS 'How sure an edge between programs so related is: contexts of both sides with the sources of the writing one, and the context in which a child was started with its sources';
