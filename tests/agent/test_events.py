"""The values that back ends hand out."""

from provfs_agent.events import Actor, ProcessKey, RawEvent, clock_ns


def _event(seq, actor):
    return RawEvent(seq, clock_ns(), "gate", "open", "/data/a.csv", actor=actor)


def test_events_of_two_processes_differ():
    """Two processes that open one file make two events, whatever queue they pass through."""
    first, second = (Actor(ProcessKey(pid, 77)) for pid in (10, 11))

    assert _event(1, first) != _event(1, second)
    assert _event(1, first) != _event(2, first)


def test_clock_is_that_of_the_journals():
    """Events and journal records can be ordered by their times without conversion."""
    from provfs.capture.execution import clock_ns as journal_clock_ns

    before, event, after = journal_clock_ns(), clock_ns(), journal_clock_ns()

    assert before <= event <= after
