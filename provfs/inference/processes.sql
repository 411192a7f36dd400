-- The rules by which a process that reads and one that writes make an edge, as one join: of writes with the programs
-- whose reads may have reached the writing one (store.relations) and these reads. Each rule is said in its own file;
-- these macros choose by the relation of the reading program, here and in the walks.
--
-- self          the program itself: same-process in one execution, else worker
-- pipe, peer    the rule of that name
-- ancestor      parent
-- descendant    child
CREATE OR REPLACE MACRO store.follows(relation, opened_ns, closed_ns, started_ns, waited_ns) AS CASE relation
    WHEN 'ancestor' THEN store.parent_when(opened_ns, started_ns)
    WHEN 'descendant' THEN store.child_when(closed_ns, waited_ns)
    WHEN 'pipe' THEN store.pipe_when(opened_ns, closed_ns)
    WHEN 'peer' THEN store.peer_when(opened_ns, closed_ns)
    ELSE store.same_process_when(opened_ns, closed_ns) AND store.worker_when(opened_ns, closed_ns)
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

-- Whatever the rule: 0.3 where the context that wrote is known not to use what the one that read has (of a child, the
-- context in which it was started), 0.4 where the output is a seen copy of something else.
CREATE OR REPLACE MACRO store.confidence_between(
    relation, is_one_execution, is_one_thread, copied, read_context, write_context, sources, child_context, child_sources
) AS CASE
    WHEN CASE relation
        WHEN 'self' THEN store.apart(read_context, write_context, sources)
        WHEN 'ancestor' THEN store.apart(read_context, child_context, child_sources)
        WHEN 'descendant' THEN store.apart(child_context, write_context, sources)
        ELSE false END THEN 0.3
    WHEN copied THEN 0.4
    WHEN relation = 'pipe' THEN store.pipe_confidence()
    WHEN relation = 'peer' THEN store.peer_confidence()
    WHEN relation = 'ancestor' THEN store.parent_confidence()
    WHEN relation = 'descendant' THEN store.child_confidence()
    WHEN is_one_execution THEN store.same_process_confidence(is_one_thread)
    ELSE store.worker_confidence()
END::DOUBLE;
COMMENT ON MACRO store.confidence_between IS 'How sure an edge between programs so related is: contexts of both sides with the sources of the writing one, and the context in which a child was started with its sources';
