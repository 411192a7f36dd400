"""What is to be settled: a settler, and the events of a gate."""

import pytest

from provfs_agent.settle import Settler
from tests.agent.events_by_hand import Stream


@pytest.fixture
def settler():
    """Return a settler that has heard of nothing."""
    return Settler()


@pytest.fixture
def gate():
    """Return a function that makes the events of a gate."""
    return Stream("gate")
