"""Every operation that moves content, as a call on a place and the facts that it must leave.

Contract: each operation runs on a place with the usual files (`tests.contract.places`) and asserts
the result that the bare filesystem gives. What the table says is all that may be in the journal.
Not here: handles that end in other ways than a close, see `test_handles.py`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import NamedTuple

from tests.contract.journal import Fact, part, perhaps, whole
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

    One in memory holds all of its object, and one of a small local file takes all of it at once.
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


@moves(ranges("a", A, (len(A) - 4, len(A))))
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


# Transfers


@moves(*loaded("a", "local:g", A))
def get_file(p):
    p.fs.get_file(p.at("a"), p.down("g"))


@moves(*loaded("a", "local:g", A))
def get_one(p):
    p.fs.get(p.at("a"), p.down("g"))


@moves(*loaded("a", "local:g", A))
def download(p):
    p.fs.download(p.at("a"), p.down("g"))


@moves(*loaded("a", "local:g", A), *loaded("d/x", "local:h", X))
def get_list(p):
    p.fs.get([p.at("a"), p.at("d/x")], [p.down("g"), p.down("h")])


@moves(
    *(f for name, content in IN_DIRECTORY for f in loaded(f"d/{name}", f"local:t/{name}", content))
)
def get_directory(p):
    p.fs.get(p.at("d"), p.down("t"), recursive=True)


@moves(*loaded("d/x", "local:x", X))
def get_glob(p):
    p.fs.get(p.at("d/x*"), p.down(""))


@moves(*loaded("u", "n", U)[1:], whole("read", "local:u", U))
def put_file(p):
    p.fs.put_file(p.down("u"), p.at("n"))


@moves(*loaded("local:u", "n", U))
def put_one(p):
    p.fs.put(p.down("u"), p.at("n"))


@moves(*loaded("local:u", "n", U))
def upload(p):
    p.fs.upload(p.down("u"), p.at("n"))


@moves(*loaded("local:u", "n", U), *loaded("local:w/v", "m", V))
def put_list(p):
    p.fs.put([p.down("u"), p.down("w/v")], [p.at("n"), p.at("m")])


@moves(*loaded("local:w/v", "t/v", V))
def put_directory(p):
    p.fs.put(p.down("w"), p.at("t"), recursive=True)


@moves(*loaded("local:u", "d/u", U))
def put_glob(p):
    p.fs.put(p.down("u*"), p.at("d") + "/")


# Inside one storage


@moves(copied("a", "n", A))
def cp_file(p):
    p.fs.cp_file(p.at("a"), p.at("n"))


@moves(copied("a", "n", A))
def copy_one(p):
    p.fs.copy(p.at("a"), p.at("n"))


@moves(copied("a", "n", A), copied("d/x", "m", X))
def cp_list(p):
    p.fs.cp([p.at("a"), p.at("d/x")], [p.at("n"), p.at("m")])


@moves(directory_copied("t"))
def copy_directory(p):
    p.fs.copy(p.at("d"), p.at("t"), recursive=True)


@moves(copied("d/x", "d/e/x", X))
def copy_glob(p):
    p.fs.copy(p.at("d/x*"), p.at("d/e") + "/")


@moves(Fact("rename", "a -> n"))
def mv(p):
    p.fs.mv(p.at("a"), p.at("n"))


@moves(Fact("rename", "a -> n"))
def move(p):
    p.fs.move(p.at("a"), p.at("n"))


@moves(Fact("rename", "a -> n"))
def rename(p):
    p.fs.rename(p.at("a"), p.at("n"))


@moves(
    *(Fact("rename", f"d/{name} -> t/{name}") for name, _ in IN_DIRECTORY),
    kinds=("local", "memory"),  # s3fs wants to copy an object that stands for the directory
)
def mv_directory(p):
    p.fs.mv(p.at("d"), p.at("t"), recursive=True)


@moves(Fact("remove", "a"))
def rm(p):
    p.fs.rm(p.at("a"))


@moves(Fact("remove", "a"))
def rm_file(p):
    p.fs.rm_file(p.at("a"))


@moves(Fact("remove", "a"))
def delete(p):
    p.fs.delete(p.at("a"))


@moves(Fact("remove", "a"), Fact("remove", "d/x"))
def rm_list(p):
    p.fs.rm([p.at("a"), p.at("d/x")])


@moves(*(Fact("remove", f"d/{name}") for name, _ in IN_DIRECTORY))
def rm_directory(p):
    p.fs.rm(p.at("d"), recursive=True)


@moves(whole("write", "n", b""))
def touch(p):
    p.fs.touch(p.at("n"))


@moves(whole("write", "a", b""))
def touch_truncates(p):
    p.fs.touch(p.at("a"), truncate=True)
    assert p.stored("a") == b""


# Mappings


@moves(whole("read", "a", A), whole("write", "n", NEW), Fact("remove", "d/x"))
def mapper(p):
    mapping = p.fs.get_mapper(p.root)
    assert mapping["a"] == A
    mapping["n"] = NEW
    del mapping["d/x"]


@moves(whole("read", "a", A), whole("read", "d/x", X), whole("write", "n", NEW))
def mapper_in_bulk(p):
    mapping = p.fs.get_mapper(p.root)
    assert mapping.getitems(["a", "d/x"]) == {"a": A, "d/x": X}
    mapping.setitems({"n": NEW})


# What moves no content


@moves()
def listing(p):
    assert {name.rpartition("/")[2] for name in p.fs.find(p.root)} == {"a", "x", "y", "z"}
    assert len(list(p.fs.walk(p.root))) == 3
    assert p.fs.glob(p.root + "/*")
    assert p.fs.ls(p.root, detail=True)
    assert p.fs.listdir(p.root)
    assert p.fs.du(p.root)
    assert p.fs.disk_usage(p.root, total=False)
    assert p.fs.expand_path(p.at("d"), recursive=True)


@moves()
def asking(p):
    path = p.at("a")
    assert p.fs.info(path)["size"] == p.fs.stat(path)["size"] == p.fs.size(path) == len(A)
    assert p.fs.sizes([path]) == [len(A)]
    assert p.fs.exists(path)
    assert p.fs.lexists(path)
    assert p.fs.isfile(path)
    assert not p.fs.isdir(path)
    assert p.fs.ukey(path)
    assert p.fs.checksum(path)
    assert p.fs.modified(path)
    assert not p.fs.exists(p.at("missing"))


@moves()
def directories(p):
    p.fs.mkdir(p.at("k"))
    p.fs.makedirs(p.at("l/m"), exist_ok=True)
    p.fs.invalidate_cache()


@moves()
def missing_files(p):
    for attempt in (
        lambda: p.fs.cat_file(p.at("missing")),
        lambda: p.fs.open(p.at("missing"), "rb"),
        lambda: p.fs.get_file(p.at("missing"), p.down("g")),
        lambda: p.fs.cp_file(p.at("missing"), p.at("n")),
        lambda: p.fs.put_file(p.down("missing"), p.at("n")),
    ):
        try:
            attempt()
        except FileNotFoundError:
            continue
        raise AssertionError(attempt)
