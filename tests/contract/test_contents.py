"""Handles that hold their content in memory, and text files that a filesystem itself gives."""

from __future__ import annotations

import gc
import io

import pytest
from fsspec.implementations.memory import MemoryFile
from fsspec.spec import AbstractFileSystem

import provfs
from provfs.digest import digest_of_bytes
from provfs.journal import record
from tests.contract.journal import absent, part, whole
from tests.contract.places import A, X


def test_a_read_in_part_in_memory_has_its_ranges(make_place):
    """The stored object itself is the handle; it tells what was read, and knows the digest."""
    place = make_place("memory")
    place.fill()

    with place.fs.open(place.at("a")) as f:
        f.seek(4)
        f.read(3)
        assert f.size == len(A)
    with place.fs.open(place.at("a")) as f:
        f.getvalue()

    first, again = (r for r in place.journal.records() if isinstance(r, record.Access))
    assert (first.ranges, first.bytes) == (((4, 7),), 3)
    assert first.digest == str(digest_of_bytes(A))
    assert (again.id, again.opens) == (first.id, 1)


def test_a_handle_in_memory_that_nobody_closes_is_a_read(make_place):
    """It is told when the object is opened again, is removed, or when the process ends."""
    place = make_place("memory")
    place.fill()

    f = place.fs.open(place.at("a"))
    f.read(2)
    g = place.fs.open(place.at("a"), "ab")
    assert f is g
    g.write(X)
    g.close()
    h = place.fs.open(place.at("d/x"))
    h.read()
    place.fs.rm(place.at("d/x"))
    del h
    gc.collect()

    facts = place.facts()
    assert sorted(fact for fact in facts if fact.what == "read") == sorted(
        [whole("read", "a", A), whole("read", "a", A), whole("read", "d/x", X)]
    )
    assert [fact.name for fact in facts if fact.what == "write"] == ["a"]
    assert type(f) is MemoryFile


class TextFileSystem(AbstractFileSystem):
    """A filesystem whose `_open` gives text where that is asked for."""

    protocol = "text"
    cachable = False

    def __init__(self, directory):
        super().__init__()
        self.directory = directory

    def open(self, path, mode="rb", **_):
        return self._open(path, mode)

    def _open(self, path, mode="rb", **_):
        if path == "bytes":
            return io.TextIOWrapper(MemoryFile(None, path, A))
        return open(f"{self.directory}/{path}", mode)


def test_text_files_of_a_filesystem_of_ones_own_are_recorded(make_place):
    """What lies below them is followed where it can be; else the access has a reason."""
    place = make_place("local")
    place.fill()
    fs = provfs.wrap(TextFileSystem(place.root))

    with fs.open("bytes", "rt") as f:
        assert f.read() == A.decode()
    with fs.open("a", "rt") as f:
        assert f.read() == A.decode()
    with fs.open("n", "wt") as f:
        f.write("text")

    assert place.facts() == sorted(
        [whole("read", "text://bytes", A), absent("read", "text://a"), absent("write", "text://n")]
    )


def test_ranges_can_be_numbers_of_numpy(make_place):
    """Readers of columns compute their ranges with NumPy, in integers of any size."""
    numpy = pytest.importorskip("numpy")
    place = make_place("memory")
    place.fill()
    starts, ends = numpy.array([0, 100], dtype="int8"), numpy.array([3, 109], dtype="int8")

    assert place.fs.cat_ranges([place.at("a")] * 2, list(starts), list(ends)) == [A[:3], A[100:109]]

    assert place.facts() == [part("a", (0, 3), (100, 109))]


def test_a_handle_ends_for_the_log_when_its_object_is_removed(make_place):
    """It can be read on; what it reads is the version that was there before."""
    place = make_place("memory")
    place.fill()

    f = place.fs.open(place.at("a"))
    f.read(4)
    place.fs.rm(place.at("a"))
    f.read()
    f.close()

    found = {type(item).__name__: item for item in place.journal.records()}
    assert found["Access"].digest == str(digest_of_bytes(A))
    assert found["Access"].opened_ns < found["Access"].closed_ns < found["Remove"].at_ns
