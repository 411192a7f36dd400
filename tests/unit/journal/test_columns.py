"""Lines of journals as columns: compiled and in Python, what comes out is the same."""

from __future__ import annotations

import duckdb
import msgspec
import pytest

from provfs.journal import columns
from provfs.journal.columns import KINDS, Columns
from provfs.journal.record import Access, Opening, encode

compiled = pytest.mark.skipif(not columns.COMPILED, reason="nothing was compiled")

ACCESS = Access(
    execution="1-2-3", id=4, uri="file:///ä b", mode="read", opened_ns=1_790_000_000_123_456_789,
    closed_ns=-5, channel="open", complete=False, ranges=((0, 10), (20, 30)), digest="d",
)  # fmt: skip
OPENING = Opening(execution="1-2-3", id=5, uri="u", opened_ns=7, channel="open")


def rows(lines):
    """Return what became rows, by kind, each as a dict of the fields that were given."""
    taken = Columns()
    assert taken.add(lines) == lines.count(b"\n")
    found = {}
    with duckdb.connect() as connection:
        for kind in KINDS:
            connection.register("stream", taken.stream(kind))
            cursor = connection.execute("SELECT * FROM stream")
            names = [column[0] for column in cursor.description]
            found[kind] = [
                {name: value for name, value in zip(names, row, strict=True) if value is not None}
                for row in cursor.fetchall()
            ]
            connection.unregister("stream")
    return found, taken.texts()


def fields(line):
    """Return the fields of a line as its row has them: ranges are text."""
    told = msgspec.json.decode(line)
    del told["type"]
    if "ranges" in told:
        told["ranges"] = msgspec.json.encode(told["ranges"]).decode()
    return told


@compiled
def test_accesses_and_openings_become_rows():
    """Every field that a line gives has its value, every other is null."""
    found, texts = rows(encode(ACCESS) + encode(OPENING) + encode(ACCESS))

    assert found == {Access: [fields(encode(ACCESS))] * 2, Opening: [fields(encode(OPENING))]}
    assert texts == (b"", b"")


@compiled
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"id":4', b'"id":"4"'),
        (b'"id":4', b'"id":4.0'),
        (b'"id":4', b'"id":04'),
        (b'"id":4', b'"id":99999999999999999999'),
        (b'"id":4', b'"id":null'),
        (b'"id":4', b'"id":4,"id":5'),
        (b'"id":4', b'"id":4,"new":5'),
        (b'"id":4,', b""),
        (b'"id":4', b'"id": 4'),
        (b'"digest":"d"', b'"digest":"\\u0064"'),
        (b'"digest":"d"', b'"digest":"\xff"'),
        (b'"digest":"d"', b'"digest":"\xed\xa0\x80"'),
        (b'"digest":"d"', b'"digest":"\x01"'),
        (b'"digest":"d"', b'"digest":"d'),
        (b'"complete":false', b'"complete":falsy'),
        (b"[0,10]", b"[0,10,11]"),
        (b"[0,10],", b"[0,10]"),
        (b"]]", b"]"),
        (b"}\n", b"\n"),
        (b"}\n", b"} \n"),
        (b"}\n", b"},\n"),
    ],
)
def test_a_line_that_is_not_plainly_a_record_goes_on_as_text(old, new):
    """Whether it is one is for others to find; the lines around it are rows."""
    line = encode(ACCESS).replace(old, new)
    assert line != encode(ACCESS)

    found, texts = rows(encode(ACCESS) + line + encode(ACCESS))

    assert found[Access] == [fields(encode(ACCESS))] * 2
    assert texts == (line, b"")


@pytest.mark.parametrize("is_compiled", [pytest.param(True, marks=compiled), False])
def test_other_lines_go_on_to_where_they_may_belong(is_compiled, monkeypatch):
    """What is seen to be no access is not looked at as one; what is not seen is looked at twice."""
    monkeypatch.setattr(columns, "COMPILED", is_compiled)
    end = b'{"type":"exit","execution":"x","at_ns":1}\n'
    strange = b'{ "type":"access" }\n'
    taken = Columns()

    count = taken.add(end + b"\n" + strange)

    accesses, others = taken.texts()
    assert count == 3
    assert others == end + strange
    assert accesses.endswith(strange)
    assert taken.texts() == (b"", b"")


@pytest.mark.parametrize("is_compiled", [pytest.param(True, marks=compiled), False])
def test_a_line_without_an_end_is_refused(is_compiled, monkeypatch):
    """Only complete lines are taken."""
    monkeypatch.setattr(columns, "COMPILED", is_compiled)

    with pytest.raises(ValueError, match="not complete"):
        Columns().add(b'{"type":"exit"')


@compiled
def test_many_rows_come_in_several_chunks():
    """A row group of the engine is a chunk; none is lost between two."""
    taken = Columns()
    for _ in range(25):
        taken.add(encode(OPENING) * 10_000)

    with duckdb.connect() as connection:
        connection.register("stream", taken.stream(Opening))
        counted = connection.execute("SELECT count(*), sum(id), min(uri) FROM stream").fetchall()

    assert counted == [(250_000, 1_250_000, "u")]


@compiled
def test_columns_that_nobody_takes_are_given_back():
    """Neither rows nor a stream that was never read need a reader to go."""
    taken = Columns()
    taken.add(encode(ACCESS) * 200_000)
    stream = taken.stream(Access)

    del stream, taken
