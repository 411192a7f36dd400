"""One access that several channels saw is one, in whatever order their journals come."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from tests import builders as b

F = b.fingerprint
ACCESSES = "SELECT uri, mode, channel, digest IS NOT NULL FROM accesses ORDER BY ALL"


def _by(channel, *records):
    shift = {"open": 0, "preload": 1000, "agent": 2000}[channel]
    hidden = {} if channel == "open" else {"digest": None, "bytes": None}
    return [structs.replace(r, channel=channel, id=r.id + shift, **hidden) for r in records]


@pytest.mark.parametrize("order", list(permutations(["open", "preload", "agent"])))
@pytest.mark.parametrize("at_once", [True, False])
def test_best_channel_stays_whatever_comes_first(settings, put, rows, order, at_once):
    """Python's hooks tell most, then the preload library, then the agent."""
    seen = [
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
        b.write(1, 2, "X", 30, 40, fingerprint=F(2, 3, 39), content="x", size_bytes=3),
    ]

    put(1, b.execution(1, 1))
    for channel in order:
        put(1, *_by(channel, *seen))
        if not at_once:
            ingest(settings)
    ingest(settings)

    assert rows(ACCESSES) == [("A", "read", "open", True), ("X", "write", "open", True)]
    assert rows("SELECT count(*) FROM versions") == [(2,)]
    assert rows("SELECT input_uri, output_uri FROM edges") == [("A", "X")]


def test_other_version_is_another_access(settings, put, rows):
    """Two states of one file are two versions, though different channels saw them."""
    first = b.write(1, 1, "X", 10, 20, fingerprint=F(2, 3, 19), content="x")
    second = b.write(1, 2, "X", 30, 40, fingerprint=F(2, 4, 39), content="y")

    put(1, b.execution(1, 1), first, *_by("preload", second))
    ingest(settings)

    assert rows("SELECT count(*) FROM versions") == [(2,)]


def test_who_holds_a_file_for_a_child_has_not_written_it(settings, put, rows):
    """`sh -c '{ cat A; cat C; } > Y'`: the shell opens Y, and each `cat` writes a version."""
    held = b.write(1, 1, "Y", 10, 90, fingerprint=F(5, 6, 69), content=None)
    inherited = {"reason": "inherited", "channel": "preload"}
    one = b.write(2, 1, "Y", 20, 40, fingerprint=F(5, 3, 39), content=None, size_bytes=3)
    two = b.write(3, 2, "Y", 50, 70, fingerprint=F(5, 6, 69), content=None, size_bytes=6)
    before = b.read(3, 1, "Y", 69, 69, fingerprint=F(5, 3, 39), size_bytes=3)

    put(1, b.execution(1, 1), *_by("preload", held))
    put(
        2,
        b.execution(2, 15, parent=1),
        b.read(2, 3, "A", 20, 30, fingerprint=F(1, 3, 5)),
        structs.replace(one, **inherited),
    )
    put(3, b.execution(3, 45, parent=1), before, structs.replace(two, **inherited))
    ingest(settings)

    assert rows("SELECT pid FROM versions JOIN executions USING (execution_id) ORDER BY 1") == [
        (2,),
        (3,),
    ]
    assert rows("SELECT input_uri, output_uri FROM edges ORDER BY ALL") == [
        ("A", "Y"),
        ("Y", "Y"),
    ]


def test_what_the_holder_wrote_before_its_child_is_a_version_of_its_own(settings, put, rows):
    """`sh -c '(echo head; cat A) > Y'`: the head is by the shell, the rest by `cat`."""
    held = b.write(1, 1, "Y", 10, 90, fingerprint=F(5, 6, 69), content=None)
    whole = b.write(2, 2, "Y", 50, 70, fingerprint=F(5, 6, 69), content=None, size_bytes=6)
    before = b.read(2, 1, "Y", 69, 69, fingerprint=F(5, 3, 39), size_bytes=3)

    put(1, b.execution(1, 1), *_by("preload", held))
    put(
        2,
        b.execution(2, 45, parent=1),
        before,
        structs.replace(whole, reason="inherited", channel="preload"),
    )
    ingest(settings)

    assert rows("SELECT pid FROM versions JOIN executions USING (execution_id) ORDER BY 1") == [
        (1,),
        (2,),
    ]


def test_later_image_of_a_process_decides_its_program(settings, put, rows):
    """A fork child that becomes another program is that program, also in what it did before."""
    put(1, b.execution(1, 1), b.wait(1, 2, 60))
    put(
        2,
        b.execution(2, 10, program=1, parent=1),
        b.read(2, 1, "A", 11, 12, fingerprint=F(1, 1, 1)),
    )
    ingest(settings)
    put(2, b.execution(2, 20, parent=1))
    put(1, b.write(1, 1, "X", 70, 80, fingerprint=F(2, 3, 79), content="x"))
    ingest(settings)

    assert rows("SELECT pid, program_id = execution_id FROM executions ORDER BY 1") == [
        (1, True),
        (2, True),
    ]
    assert rows("SELECT rule FROM edges") == [("child",)]
