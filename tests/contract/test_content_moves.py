"""Every operation that moves content is in the journal exactly once, and nothing else is."""

from __future__ import annotations

import pytest

from tests.contract import moves_between  # noqa: F401 - enters its half into the table
from tests.contract.journal import differences
from tests.contract.moves import MOVES

CASES = [(move, kind) for move in MOVES for kind in move.kinds]
IDS = [f"{move.name}-{kind}" for move, kind in CASES]


@pytest.mark.parametrize(("move", "kind"), CASES, ids=IDS)
def test_a_move_of_content_is_recorded_once(move, kind, make_place):
    """Reads, writes, copies, renames and removals, with the digests of the stored bytes."""
    place = make_place(kind)
    place.fill()

    move.run(place)

    assert differences(move.facts(place), place.facts()) == []


@pytest.mark.parametrize(("move", "kind"), CASES, ids=IDS)
def test_the_bare_filesystem_gives_the_same_and_is_not_watched(move, kind, make_place):
    """The operations hold without capture, and the wrapper beside it leaves the bare one alone."""
    place = make_place(kind, wrapped=False)
    place.fill()

    move.run(place)

    assert place.facts() == []
