"""Every operation that moves content, as a call on a place and the facts that it must leave.

Contract: each operation runs on a place with the usual files (`tests.contract.places`) and asserts
the result that the bare filesystem gives. What the table says is all that may be in the journal.
Not here: handles that end in other ways than a close, see `test_handles.py`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import NamedTuple

from tests.contract.journal import Fact, absent, part, perhaps, whole
from tests.contract.places import UP, A, Place, X, Y, Z

NEW = b"new content"
U, V = UP["u"], UP["w/v"]
IN_DIRECTORY = (("x", X), ("y", Y), ("e/z", Z))


class Move(NamedTuple):
    """One operation, its name, and what must be recorded."""

    name: str
    run: Callable[[Place], None]
    facts: Callable[[Place], list[Fact]]
    kinds: tuple[str, ...]


KINDS = ("local", "memory", "s3")
MOVES: list[Move] = []


def moves(*facts: Fact | Callable[[Place], list[Fact]], kinds: tuple[str, ...] = KINDS):
    """Enter a function into the table, with its facts or what makes them for a kind of place."""

    def enter(function):
        def expected(place):
            found = []
            for fact in facts:
                found += fact(place) if callable(fact) else [fact]
            return found

        MOVES.append(Move(function.__name__, function, expected, kinds))
        return function

    return enter


def some(name: str, start: int, end: int, content: bytes) -> Callable[[Place], list[Fact]]:
    """Return the fact of a read in part through a handle.

    The digest of what is small and local, or in memory, is known even so.
    """
    return lambda place: [
        part(name, (start, end)) if place.kind == "s3" else whole("read", name, content)
    ]


def ranges(name: str, content: bytes, *touched: tuple[int, int]) -> Callable[[Place], list[Fact]]:
    """Return the fact of a read of ranges; a small local file is read in whole below them."""
    return lambda place: [
        whole("read", name, content) if place.kind == "local" else part(name, *touched)
    ]


def copied(source: str, target: str, content: bytes) -> Callable[[Place], list[Fact]]:
    """Return the facts of a copy inside one storage, whose content a server does not show."""
    return lambda place: (
        [perhaps("read", source, content), perhaps("write", target, content)]
        if place.kind == "s3"
        else [whole("read", source, content), whole("write", target, content)]
    )


def loaded(source: str, target: str, content: bytes) -> tuple[Fact, Fact]:
    """Return the facts of a transfer to another filesystem."""
    return whole("read", source, content), whole("write", target, content)


def directory_copied(target: str) -> Callable[[Place], list[Fact]]:
    """Return the facts of copying the directory `d`."""
    return lambda place: [
        fact
        for name, content in IN_DIRECTORY
        for fact in copied(f"d/{name}", f"{target}/{name}", content)(place)
    ]


# Handles


@moves(whole("read", "a", A))
def open_and_read(p):
    with p.fs.open(p.at("a"), "rb") as f:
        assert f.read() == A


@moves(whole("read", "a", A))
def open_and_read_in_pieces(p):
    with p.fs.open(p.at("a"), "rb") as f:
        assert b"".join(iter(lambda: f.read(7), b"")) == A


@moves(whole("read", "a", A))
def open_and_iterate(p):
    with p.fs.open(p.at("a"), "rb") as f:
        assert list(f) == A.splitlines(keepends=True)


@moves(whole("read", "a", A))
def open_and_readinto(p):
    buffer = bytearray(len(A) + 1)
    with p.fs.open(p.at("a"), "rb") as f:
        assert f.readinto(buffer) == len(A)
    assert bytes(buffer[:-1]) == A


@moves(whole("read", "a", A))
def open_text(p):
    with p.fs.open(p.at("a"), "r") as f:
        assert f.read() == A.decode()


@moves(whole("read", "a", A))
def open_text_by_lines(p):
    with p.fs.open(p.at("a"), "rt", encoding="utf-8") as f:
        assert len(f.readlines()) == 10


@moves(whole("read", "a", A), whole("read", "a", A))
def open_twice(p):
    for _ in range(2):
        with p.fs.open(p.at("a"), "rb") as f:
            assert f.read() == A


@moves(whole("write", "n", NEW))
def open_and_write(p):
    with p.fs.open(p.at("n"), "wb") as f:
        f.write(NEW[:3])
        f.write(NEW[3:])


@moves(whole("write", "a", NEW))
def open_and_replace(p):
    with p.fs.open(p.at("a"), "wb") as f:
        f.write(NEW)


@moves(whole("write", "n", NEW))
def open_and_write_text(p):
    with p.fs.open(p.at("n"), "w") as f:
        f.write(NEW.decode())


@moves(whole("write", "n", b""))
def open_and_write_nothing(p):
    with p.fs.open(p.at("n"), "wb"):
        pass


@moves(lambda p: [whole("write", "n.gz", p.stored("n.gz"))])
def open_compressed(p):
    with p.fs.open(p.at("n.gz"), "wb", compression="gzip") as f:
        f.write(NEW)
    assert gzip.decompress(p.stored("n.gz")) == NEW


@moves(some("a", 3, 8, A))
def open_and_seek(p):
    with p.fs.open(p.at("a"), "rb") as f:
        f.seek(3)
        assert f.read(5) == A[3:8]


@moves(some("a", 0, 5, A))
def head(p):
    assert p.fs.head(p.at("a"), 5) == A[:5]


@moves(some("a", len(A) - 5, len(A), A))
def tail(p):
    assert p.fs.tail(p.at("a"), 5) == A[-5:]


@moves(some("a", 2, 9, A))
def read_block(p):
    assert p.fs.read_block(p.at("a"), 2, 7) == A[2:9]


@moves(whole("read", "a", A))
def read_text(p):
    assert p.fs.read_text(p.at("a")) == A.decode()


@moves(whole("write", "n", NEW))
def write_text(p):
    p.fs.write_text(p.at("n"), NEW.decode())


# Whole contents


@moves(whole("read", "a", A))
def cat_file(p):
    assert p.fs.cat_file(p.at("a")) == A


@moves(ranges("a", A, (0, 4)))
def cat_file_in_part(p):
    assert p.fs.cat_file(p.at("a"), start=0, end=4) == A[:4]


@moves(
    lambda p: (
        [absent("read", "a")]  # where it begins is not known without another request
        if p.kind == "s3"
        else ranges("a", A, (len(A) - 4, len(A)))(p)
    )
)
def cat_file_from_the_end(p):
    assert p.fs.cat_file(p.at("a"), start=-4) == A[-4:]


@moves(whole("read", "a", A))
def read_bytes(p):
    assert p.fs.read_bytes(p.at("a")) == A


@moves(whole("read", "a", A))
def cat_one(p):
    assert p.fs.cat(p.at("a")) == A


@moves(whole("read", "a", A), whole("read", "d/x", X))
def cat_list(p):
    assert list(p.fs.cat([p.at("a"), p.at("d/x")]).values()) == [A, X]


@moves(whole("read", "a", A))
def cat_list_with_a_missing_name(p):
    found = p.fs.cat([p.at("a"), p.at("missing")], on_error="omit")
    assert list(found.values()) == [A]


@moves(*(whole("read", f"d/{name}", content) for name, content in IN_DIRECTORY))
def cat_all_below(p):
    assert len(p.fs.cat(p.fs.find(p.at("d")))) == len(IN_DIRECTORY)


@moves(whole("read", "d/x", X))
def cat_glob(p):
    assert list(p.fs.cat(p.at("d/x*")).values()) == [X]


@moves(ranges("a", A, (0, 3), (5, 9)), ranges("d/x", X, (1, 2)))
def cat_ranges(p):
    paths = [p.at("a"), p.at("a"), p.at("d/x")]
    assert p.fs.cat_ranges(paths, [0, 5, 1], [3, 9, 2]) == [A[:3], A[5:9], X[1:2]]


@moves(whole("write", "n", NEW))
def pipe_file(p):
    p.fs.pipe_file(p.at("n"), NEW)


@moves(whole("write", "n", NEW))
def write_bytes(p):
    p.fs.write_bytes(p.at("n"), NEW)


@moves(whole("write", "n", NEW))
def pipe_one(p):
    p.fs.pipe(p.at("n"), NEW)


@moves(whole("write", "n", NEW), whole("write", "m", X))
def pipe_several(p):
    p.fs.pipe({p.at("n"): NEW, p.at("m"): X})
