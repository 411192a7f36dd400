"""Walks that look only at what the coarse graph of places reaches find all that pairs of edges do.

Contract: asked after each ingest, since the graph has to hold every path at all times: when a
writer's journal comes after its readers', when it is cut anywhere, and after a compaction.
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from provfs.config import Settings, prepare_home
from provfs.ingest import compact, ingest
from tests import builders
from tests.property.history import World
from tests.property.strategies import examples, worlds

_MOST_STARTS = 4
Hops = dict[int, list[tuple[int, float]]]


def _assert_walks_hold(path: Path, random: object) -> None:
    """Compare walks from some versions, of any confidence, with a search over pairs of edges."""
    with duckdb.connect(str(path), read_only=True) as connection:
        pairs = connection.execute(
            "SELECT input_version_id, output_version_id, confidence FROM store.evidence"
            " WHERE precedence < 9"
        ).fetchall()
        rows = connection.execute("SELECT version_id FROM store.versions").fetchall()
        ids = [version_id for (version_id,) in rows]
        starts = random.sample(ids, min(len(ids), _MOST_STARTS))  # type: ignore[attr-defined]
        for macro, near, far in (("walk_up", 1, 0), ("walk_down", 0, 1)):
            hops: Hops = {}
            for pair in pairs:
                hops.setdefault(pair[near], []).append((pair[far], pair[2]))
            for start in starts:
                found = connection.execute(
                    f"SELECT version_id, confidence FROM store.{macro}([{start}], 0)"
                ).fetchall()
                assert dict(found) == _search(hops, start), f"{macro} of {start}"
                assert len(dict(found)) == len(found)


def _search(hops: Hops, start: int) -> dict[int, float]:
    """Return what is reached, each with the best of the lowest confidences on its paths."""
    best = {start: 1.0}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for there, confidence in hops.get(here, ()):
            reached = min(best[here], confidence)
            if reached > best.get(there, -1):
                best[there] = reached
                waiting.append(there)
    return best


@examples(3)
@given(worlds(), st.randoms(use_true_random=False))
def test_walks_find_all_when_journals_come_in_any_order(world: World, random: object) -> None:
    """Each journal has an ingest of its own, the reader's before the writer's or after it."""
    journals = list(world.journals().items())
    random.shuffle(journals)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(prefix="property-") as directory:
        settings = Settings(home=Path(directory) / "home")
        prepare_home(settings)
        for pid, records in journals:
            builders.write_journal(settings.home, pid, records)
            ingest(settings)
        _assert_walks_hold(settings.log_path, random)

        compact(settings)

        _assert_walks_hold(settings.log_path, random)


@examples(4)
@given(worlds(), st.lists(st.floats(0, 1), max_size=4), st.randoms(use_true_random=False))
def test_walks_find_all_while_journals_grow(
    world: World, cuts: list[float], random: object
) -> None:
    """What is asked in the middle of things is answered whole, as far as it is known by then."""
    records = [record for _, record in world.records]
    marks = sorted({0, len(records), *(int(cut * len(records)) for cut in cuts)})
    with tempfile.TemporaryDirectory(prefix="property-") as directory:
        settings = Settings(home=Path(directory) / "home")
        prepare_home(settings)
        for number, (start, end) in enumerate(pairwise(marks)):
            builders.write_journal(settings.home, number, records[start:end])
            ingest(settings)

            _assert_walks_hold(settings.log_path, random)
