"""Two channels, one order: nothing is given out before what the slower one has still to tell."""

import pytest

from provfs_agent.backends.order import PATIENCE_NS, Merge


class _Clock:
    now = 1000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return _Clock()


@pytest.fixture
def merge(clock):
    made = Merge(clock)
    made.join("gate")
    made.join("ledger")
    return made


def test_event_waits_for_what_another_channel_has_still_to_tell(merge):
    """What happened first comes first, whichever channel is read first."""
    merge.add("ledger", 20, "changed")
    assert merge.take() == []
    assert merge.to_ask() == ["gate"]

    merge.add("gate", 10, "opened")
    merge.heard("gate", 25)
    assert merge.take() == []
    merge.heard("ledger", 25)

    assert merge.take() == ["opened", "changed"]


def test_channel_is_asked_once_until_it_answers(merge):
    """Questions do not pile up at a channel that is slow."""
    merge.add("gate", 10, "opened")

    assert merge.to_ask() == ["ledger"]
    assert merge.to_ask() == []
    merge.heard("ledger", 5)
    assert merge.to_ask() == ["ledger"]
    merge.heard("ledger", 10)
    assert merge.to_ask() == []
    assert merge.take() == ["opened"]


def test_story_is_complete_when_all_have_told_it(merge):
    """Until when nothing can come any more is known, and asked for."""
    assert merge.complete_ns(50) < 50
    assert merge.to_ask(50) == ["gate", "ledger"]
    merge.heard("gate", 60)
    merge.heard("ledger", 40)
    assert merge.complete_ns(50) == 40
    merge.heard("ledger", 55)
    assert merge.complete_ns(50) == 50

    merge.add("gate", 45, "closed")
    assert merge.complete_ns(50) == 44
    assert merge.take() == ["closed"]
    assert merge.complete_ns(50) == 50


def test_channel_that_says_nothing_is_not_waited_for_for_ever(merge, clock):
    """Order is given up for what a hanging channel would otherwise hold back."""
    merge.add("gate", 10, "opened")
    clock.now = 10 + PATIENCE_NS - 1
    assert merge.take() == []

    clock.now += 1

    assert merge.take() == ["opened"]
    assert merge.complete_ns(10) == 10


def test_single_channel_waits_for_nobody(merge):
    """Where a gate is given up, what the ledger tells comes at once."""
    merge.add("ledger", 10, "changed")
    merge.leave("gate")

    assert merge.take() == ["changed"]
    assert merge.complete_ns(99) == 99
    assert merge.to_ask(99) == []
