"""The rule `pipe`: programs that feed each other through pipes."""

from __future__ import annotations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from tests import builders as b

F = b.fingerprint
EDGES = "SELECT input_uri, output_uri, rule, confidence::DOUBLE FROM edges ORDER BY ALL"


def _stage(pid, take=None, give=None):
    ends = (None if pipe is None else f"pipe:[{pipe}]" for pipe in (take, give))
    return structs.replace(
        b.execution(pid, pid), **dict(zip(("input_pipe", "output_pipe"), ends, strict=True))
    )


@pytest.mark.parametrize("at_once", [True, False])
def test_pipeline_of_any_length_joins_its_ends(settings, put, rows, at_once):
    """`cat A | tr | sort > B` makes A → B, also when the stages are ingested apart."""
    put(1, _stage(1, None, 7), b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5)))
    if not at_once:
        ingest(settings)
    put(3, _stage(3, 8, None), b.write(3, 1, "B", 12, 40, fingerprint=F(2, 3, 39), content="b"))
    if not at_once:
        ingest(settings)
    put(2, _stage(2, 7, 8))
    ingest(settings)

    assert rows(EDGES) == [("A", "B", "pipe", 0.9)]
    assert rows("SELECT uri, rule, confidence::DOUBLE FROM upstream('B')") == [("A", "pipe", 0.9)]
    assert rows("SELECT uri, rule FROM downstream('A')") == [("B", "pipe")]


def test_common_standard_output_joins_nothing(settings, put, rows):
    """Programs whose output goes into one pipe that none of them reads have no edge."""
    put(1, _stage(1, None, 7), b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5)))
    put(2, _stage(2, None, 7), b.write(2, 1, "B", 12, 40, fingerprint=F(2, 3, 39), content="b"))
    ingest(settings)

    assert rows(EDGES) == []


def test_pipe_has_a_direction_and_a_time(settings, put, rows):
    """Nothing flows back, nor from what the reader opened after the output was closed."""
    put(
        1,
        _stage(1, None, 7),
        b.read(1, 1, "late", 50, 60, fingerprint=F(1, 3, 5)),
        b.write(1, 2, "own", 12, 40, fingerprint=F(3, 3, 39), content="c"),
    )
    put(
        2,
        _stage(2, 7, None),
        b.read(2, 1, "C", 10, 11, fingerprint=F(4, 3, 5)),
        b.write(2, 2, "B", 12, 40, fingerprint=F(2, 3, 39), content="b"),
    )
    ingest(settings)

    assert rows(EDGES) == [("C", "B", "same-process", 1.0)]
