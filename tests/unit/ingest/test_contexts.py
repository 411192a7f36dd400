"""Cells, tasks and requests as borders between what was read and what was written."""

from __future__ import annotations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from provfs.journal.record import Context, Record
from tests import builders as b

F = b.fingerprint
ALL = "SELECT input_uri, output_uri, rule, confidence::DOUBLE FROM all_edges ORDER BY ALL"
WALKS = (
    "SELECT 'up', uri, confidence::DOUBLE FROM upstream('Y')"
    " UNION ALL SELECT 'down', uri, confidence::DOUBLE FROM downstream('A') ORDER BY ALL"
)


def _in(context: str | None, record: Record) -> Record:
    return structs.replace(record, context=context)


def _border(pid: int, context: str, at_ns: int, sources: tuple[str, ...] | None) -> Context:
    return Context(
        execution=b.execution_name(pid), context=context, kind="cell", at_ns=at_ns, sources=sources
    )


@pytest.mark.parametrize(
    ("reads_in", "writes_in", "sources", "confidence"),
    [
        ("1", "2", (), 0.3),
        ("1", "2", ("1",), 1.0),
        ("1", "2", None, 1.0),
        ("1", "1", (), 1.0),
        (None, "2", (), 1.0),
        ("1", None, (), 1.0),
        ("1", "unrecorded", (), 1.0),
    ],
)
def test_context_that_uses_no_data_of_another_has_no_shown_edge(
    settings, put, rows, reads_in, writes_in, sources, confidence
):
    """What a cell wrote depends on what another read, unless it uses none of its data."""
    put(
        1,
        b.execution(1, 1),
        _in(reads_in, b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a")),
        _in(writes_in, b.write(1, 2, "Y", 30, 40, fingerprint=F(2, 3, 39), content="y")),
        _border(1, "1", 9, ()),
        _border(1, "2", 29, sources),
    )

    ingest(settings)

    assert rows(ALL) == [("A", "Y", "same-process", confidence)]
    shown = [("down", "Y", confidence), ("up", "A", confidence)] if confidence >= 0.5 else []
    assert rows(WALKS) == shown


def test_context_of_a_worker_counts_in_its_program(settings, put, rows):
    """A task that runs in another process of the program is held against the task that writes."""
    put(
        1,
        b.execution(1, 1),
        _in("t2", b.write(1, 1, "Y", 30, 40, fingerprint=F(2, 3, 39), content="y")),
        _border(1, "t2", 29, ("t1",)),
    )
    for pid, name, task in ((2, "A", "t0"), (3, "B", "t1")):
        put(
            pid,
            b.execution(pid, 5, program=1, parent=1),
            _in(task, b.read(pid, 1, name, 10, 20, fingerprint=F(pid, 3, 5), content=name)),
        )

    ingest(settings)

    assert rows(ALL) == [("A", "Y", "worker", 0.3), ("B", "Y", "worker", 0.9)]
    assert rows(WALKS) == [("up", "B", 0.9)]


@pytest.mark.parametrize(("sources", "confidence"), [((), 0.3), (("1",), 0.6), (None, 0.6)])
def test_child_belongs_to_the_cell_that_started_it(settings, put, rows, sources, confidence):
    """What one cell read does not reach a program that an independent cell started, nor back."""
    started = structs.replace(b.execution(2, 30, parent=1), context="2")
    put(
        1,
        b.execution(1, 1),
        _in("1", b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a")),
        b.wait(1, 2, 60),
        _in("3", b.write(1, 2, "R", 70, 80, fingerprint=F(3, 3, 79), content="r")),
        _border(1, "1", 9, ()),
        _border(1, "2", 29, sources),
        _border(1, "3", 69, sources and ("2",)),
    )
    put(
        2,
        started,
        b.read(2, 1, "D", 32, 33, fingerprint=F(5, 3, 5), content="d"),
        b.write(2, 2, "Y", 40, 50, fingerprint=F(2, 3, 49), content="y"),
        b.exit_(2, 55),
    )

    ingest(settings)

    found = {(source, target): (rule, sure) for source, target, rule, sure in rows(ALL)}
    assert found["A", "Y"] == ("parent", confidence)
    assert found["D", "R"] == ("child", confidence)
    assert found["D", "Y"] == ("same-process", 1.0)
    assert ("up", "A", confidence) in rows(WALKS) or confidence < 0.5


def test_border_that_arrives_late_counts(settings, put, rows):
    """A cell is recorded at its end; what was taken in before is judged anew then."""
    put(
        1,
        b.execution(1, 1),
        _in("1", b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a")),
        _in("2", b.write(1, 2, "Y", 30, 40, fingerprint=F(2, 3, 39), content="y")),
    )
    put(2, structs.replace(b.execution(2, 35, parent=1), context="2"), b.exit_(2, 38))
    put(2, b.write(2, 1, "Z", 36, 37, fingerprint=F(4, 3, 36), content="z"))
    ingest(settings)
    put(1, _border(1, "2", 29, ()))
    ingest(settings)

    assert rows(ALL) == [("A", "Y", "same-process", 0.3), ("A", "Z", "parent", 0.3)]
