"""The coarse graph of places holds every path at all times, and keeps projects apart."""

from __future__ import annotations

from provfs.ingest import ingest
from tests import builders as b

F = b.fingerprint
UP = "SELECT uri FROM upstream('model/M') ORDER BY uri"
DOWN = "SELECT uri FROM downstream('raw/A') ORDER BY uri"


def _train(put, settings):
    """Write a model from what lies in another place, and ingest that."""
    put(
        9,
        b.execution(9, 90),
        b.read(9, 1, "clean/B", 91, 92, fingerprint=F(2, 1, 79), content="b", size_bytes=1),
    )
    ingest(settings)
    put(9, b.write(9, 2, "model/M", 93, 95, fingerprint=F(3, 1, 94), content="m"))
    ingest(settings)


def test_writer_that_is_known_after_its_reader_is_walked_through(settings, put, rows):
    """The journal of who made the input comes last, and what it was made from is found."""
    _train(put, settings)
    put(
        1,
        b.execution(1, 10),
        b.read(1, 1, "raw/A", 11, 12, fingerprint=F(1, 1, 1), content="a"),
        b.write(1, 2, "tmp/first", 13, 14, fingerprint=F(4, 1, 14), content="t"),
        b.write(1, 3, "clean/B", 70, 80, fingerprint=F(2, 1, 79), content="b", size_bytes=1),
    )
    ingest(settings)

    assert rows(UP) == [("clean/B",), ("raw/A",)]
    assert rows(DOWN) == [("clean/B",), ("model/M",), ("tmp/first",)]


def test_process_that_becomes_another_program_takes_its_paths_along(settings, put, rows):
    """What it read and wrote before it is walked through as before."""
    put(
        1,
        b.execution(1, 1),
        b.wait(1, 2, 85),
        b.write(1, 1, "log/L", 2, 3, fingerprint=F(7, 1, 3), content="l"),
    )
    put(
        2,
        b.execution(2, 10, program=1, parent=1),
        b.read(2, 1, "raw/A", 11, 12, fingerprint=F(1, 1, 1), content="a"),
        b.write(2, 2, "clean/B", 70, 80, fingerprint=F(2, 1, 79), content="b", size_bytes=1),
    )
    ingest(settings)
    _train(put, settings)
    put(2, b.execution(2, 20, parent=1))
    ingest(settings)

    assert rows("SELECT count(DISTINCT program_id) FROM executions WHERE pid IN (1, 2)") == [(2,)]
    assert rows(UP) == [("clean/B",), ("raw/A",)]
    assert ("model/M",) in rows(DOWN)


def test_copy_that_nobody_was_seen_to_make_is_walked_through(settings, put, rows):
    """The content of an input is found elsewhere only after the input was read."""
    _train(put, settings)
    put(
        1,
        b.execution(1, 10),
        b.write(1, 1, "raw/A", 11, 12, fingerprint=F(1, 1, 11), content="b", size_bytes=1),
    )
    ingest(settings)

    assert rows(UP) == [("clean/B",), ("raw/A",)]
    assert rows(DOWN) == [("clean/B",), ("model/M",)]


def test_what_starts_everything_does_not_join_it(settings, put, rows):
    """No way of the coarse graph leads from one of its projects to the one started before."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "conf/C", 2, 3, fingerprint=F(9, 1, 1), content="c"),
    )
    ingest(settings)
    for pid, project in ((2, "p"), (3, "q"), (4, "r")):
        put(
            pid,
            b.execution(pid, 10 * pid, parent=1),
            b.read(
                pid, 1, f"{project}/raw/A", 41, 42, fingerprint=F(10 + pid, 1, 1), content=project
            ),
            b.write(
                pid,
                2,
                f"{project}/model/M",
                43,
                44,
                fingerprint=F(20 + pid, 1, 44),
                content=f"m{project}",
            ),
        )
        put(1, b.wait(1, pid, 50 + pid))
        ingest(settings)

    reached = rows(
        "WITH RECURSIVE up(side) AS ("
        "SELECT 2 * place_id + 1 FROM store.places WHERE uri = 'file:///work/r/model'"
        " UNION SELECT f.from_side FROM up JOIN store.flows f ON f.to_side = up.side)"
        " SELECT DISTINCT uri FROM up JOIN store.places ON place_id = side // 2 ORDER BY uri"
    )
    assert ("r/raw",) in reached
    assert ("q/raw",) not in reached
    assert rows("SELECT uri FROM upstream('r/model/M') ORDER BY uri") == [("conf/C",), ("r/raw/A",)]
