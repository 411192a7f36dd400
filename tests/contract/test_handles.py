"""Handles that end in unusual ways, are read in part, or are written out of order."""

from __future__ import annotations

import mmap
import os

import pytest

import provfs
from provfs.digest import digest_of_bytes
from tests.contract.journal import Fact, absent, differences, part, whole
from tests.contract.places import A, X

NEW = b"new content"
LARGE = bytes(range(256)) * 4096


class BreakError(Exception):
    """Raised by the job."""


def test_an_exception_in_the_block_marks_the_write(place):
    """What a failed writer left behind is incomplete; its bytes are as fsspec leaves them."""
    with pytest.raises(BreakError), place.fs.open(place.at("n"), "wb") as f:  # noqa: PT012 - a job
        f.write(NEW)
        raise BreakError

    facts = place.facts()
    assert place.stored("n") == NEW
    assert [(fact.what, fact.name) for fact in facts] == [("incomplete", "n")]


def test_a_handle_that_is_dropped_is_a_write(place):
    """The last reference closes the handle, and the content is stored."""
    f = place.fs.open(place.at("n"), "wb")
    f.write(NEW)
    if place.kind == "memory":
        f.close()  # a handle in memory is the stored object itself and is never dropped
    del f

    assert place.stored("n") == NEW
    assert place.facts() == [whole("write", "n", NEW)]


def test_a_handle_that_is_closed_twice_is_one_write(place):
    """Closing again changes nothing."""
    f = place.fs.open(place.at("n"), "wb")
    f.write(NEW)
    f.close()
    f.close()

    assert place.facts() == [whole("write", "n", NEW)]


def test_a_handle_that_never_reads_is_no_read(place):
    """Opening and closing moves no content."""
    place.fs.open(place.at("a"), "rb").close()

    assert place.facts() == []


def test_a_handle_that_is_closed_in_its_block_is_one_write(place):
    """The block, and methods that somebody holds, go on as with the bare handle."""
    with place.fs.open(place.at("n"), "wb") as f:
        write = f.write
        f.write(NEW)
        f.close()
    if place.kind != "memory":  # whose files stay open
        with pytest.raises(ValueError, match=r"clos|write mode"):
            write(NEW)

    assert place.facts() == [whole("write", "n", NEW)]


def test_handles_whose_methods_are_properties_are_followed(make_place):
    """Pyarrow's filesystems under fsspec give such handles; the local one has uris of files."""
    arrow = pytest.importorskip("pyarrow.fs")
    from fsspec.implementations.arrow import ArrowFSWrapper

    place = make_place("local")
    place.fill()
    fs = provfs.wrap(ArrowFSWrapper(arrow.LocalFileSystem()))

    with fs.open(place.at("a")) as f, fs.open(place.at("n"), "wb") as g:
        g.write(f.read())
    assert fs.cat_file(place.at("n")) == A

    assert place.facts() == sorted(
        [whole("read", "a", A), whole("write", "n", A), whole("read", "n", A)], key=str
    )


def test_nested_handles_are_two_accesses(place):
    """A copy by hand is a read and a write."""
    with place.fs.open(place.at("a"), "rb") as f, place.fs.open(place.at("n"), "wb") as g:
        g.write(f.read())

    assert place.facts() == sorted([whole("read", "a", A), whole("write", "n", A)], key=str)


def test_appending_continues_the_object(place):
    """The version before was read; the new one is whole, or its digest is absent."""
    with place.fs.open(place.at("a"), "ab") as f:
        f.write(NEW)

    facts = place.facts()
    assert place.stored("a") == A + NEW
    right = {whole("write", "a", A + NEW), absent("write", "a")}
    assert len([fact for fact in facts if fact in right]) == 1
    assert [fact for fact in facts if fact not in right] == [whole("read", "a", A)]


def test_appending_to_nothing_creates_the_object(place):
    """There is no version before, and the digest is known."""
    try:
        place.bare.open(place.at("m"), "ab").close()
    except FileNotFoundError:
        pytest.skip("this version of fsspec appends only to what exists")
    with place.fs.open(place.at("n"), "ab") as f:
        f.write(NEW)

    assert place.stored("n") == NEW
    assert place.facts() == [whole("write", "n", NEW)]


def test_exclusive_creation_of_what_exists_is_nothing(make_place):
    """`xb` fails as on the bare filesystem and leaves no trace."""
    for kind in ("local", "memory"):
        place = make_place(kind)
        place.fill()

        with pytest.raises(FileExistsError):
            place.fs.open(place.at("a"), "xb")

        assert place.facts() == []


def test_changing_in_place_is_a_read_and_a_write(make_place):
    """`r+b` reads the version before and writes another one."""
    place = make_place("local")
    place.fill()

    with place.fs.open(place.at("a"), "r+b") as f:
        f.seek(2)
        f.write(b"XX")

    changed = A[:2] + b"XX" + A[4:]
    assert place.stored("a") == changed
    assert place.facts() == sorted([whole("read", "a", A), whole("write", "a", changed)], key=str)


def test_seeking_back_while_writing_gives_the_digest_of_the_result(make_place):
    """What is stored counts, not what went through."""
    for kind in ("local", "memory"):
        place = make_place(kind)
        place.fill()

        with place.fs.open(place.at("n"), "wb") as f:
            f.write(NEW)
            f.seek(0)
            f.write(b"N")

        facts = place.facts()
        assert facts in ([whole("write", "n", b"N" + NEW[1:])], [absent("write", "n")])


def test_ranges_of_a_partial_read_are_recorded(place):
    """A read in the middle of a large object says where; no digest is made up."""
    place.store("large", LARGE)
    place.fs.invalidate_cache()

    with place.fs.open(place.at("large"), "rb") as f:
        f.seek(500_000)
        assert f.read(10) == LARGE[500_000:500_010]

    facts = place.facts()
    if place.kind == "s3":
        assert facts == [part("large", (500_000, 500_010))]
    else:  # the rest is hashed where that costs no request
        assert facts == [whole("read", "large", LARGE)]


def test_a_fingerprint_stands_for_what_was_read_in_part(make_place):
    """The record of a partial read names the version: its ETag, or its file's state."""
    for kind, prefix in (("local", "stat:"), ("s3", "etag:")):
        place = make_place(kind)
        place.store("large", LARGE)
        place.fs.invalidate_cache()
        place.journal.mark()

        with place.fs.open(place.at("large"), "rb") as f:
            f.seek(500_000)
            f.read(10)

        accesses = [item for item in place.journal.records() if hasattr(item, "fingerprint")]
        assert [item.fingerprint[:5] for item in accesses] == [prefix]
        assert [item.ranges[0][0] for item in accesses] == [500_000]


def test_reading_all_in_any_order_never_gives_a_wrong_digest(place):
    """Back to front, and the first bytes twice: the right digest or none."""
    place.store("large", LARGE)
    place.fs.invalidate_cache()

    with place.fs.open(place.at("large"), "rb") as f:
        f.seek(len(LARGE) // 2)
        second = f.read()
        f.seek(0)
        assert f.read(len(LARGE) // 2) + second == LARGE

    facts = place.facts()
    assert [(fact.what, fact.name) for fact in facts] == [("read", "large")]
    right = str(digest_of_bytes(LARGE))
    assert not facts[0].content.startswith("xxh3") or facts[0].content == right


def test_a_large_write_in_parts_has_its_digest(place):
    """An upload in several parts is one version with one digest."""
    content = os.urandom(1 << 20) * 11

    with place.fs.open(place.at("n"), "wb", block_size=5 << 20) as f:
        for start in range(0, len(content), 1 << 20):
            f.write(content[start : start + (1 << 20)])

    assert place.facts() == [whole("write", "n", content)]


@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_transaction_counts_at_its_end(make_place, kind, end):
    """Committed content is one version under its final name; rolled back there is nothing."""
    place = make_place(kind)
    place.fill()

    try:
        with place.fs.transaction:
            with place.fs.open(place.at("n"), "wb") as f:
                f.write(NEW)
            if end == "rollback":
                raise BreakError  # noqa: TRY301 - the job fails inside the transaction
    except BreakError:
        pass

    facts = place.facts()
    if end == "rollback":
        assert place.stored("n") is None
        if kind == "local":
            assert {fact.what for fact in facts} == {"write", "remove"}
            assert all("local:" not in fact.name for fact in facts)
        else:
            assert facts == []
    else:
        assert place.stored("n") == NEW
        if kind == "local":
            renamed = [fact for fact in facts if fact.what == "rename"]
            assert len(facts) == 2
            assert renamed[0].name.endswith(" -> n")
        else:
            assert facts == [whole("write", "n", NEW)]


def test_whole_contents_in_a_transaction_are_recorded_once(place):
    """`pipe_file` in a transaction is one version, wherever it waits for the end."""
    with place.fs.transaction:
        place.fs.pipe_file(place.at("n"), NEW)

    facts = place.facts()
    assert place.stored("n") == NEW
    if place.kind == "local" and len(facts) == 2:
        assert {fact.what for fact in facts} == {"write", "rename"}
    else:
        assert facts == [whole("write", "n", NEW)]


def test_discarded_content_leaves_nothing(make_place):
    """`discard` before the end withdraws the write."""
    for kind in ("memory", "s3"):
        place = make_place(kind)
        place.fill()

        f = place.fs.open(place.at("n"), "wb", autocommit=False)
        f.write(NEW)
        f.discard()
        if kind == "s3":
            f.closed = True  # else fsspec stores it after all when the handle is dropped

        assert place.facts() == []


def test_a_local_handle_has_its_descriptor_and_name(make_place):
    """`fileno`, `name`, `mmap` and `raw` are there as on the bare filesystem."""
    wrapped, bare = make_place("local"), make_place("local", wrapped=False)
    wrapped.fill()

    with wrapped.fs.open(wrapped.at("a"), "rb") as f, bare.fs.open(bare.at("a"), "rb") as g:
        assert f.name == g.name
        assert os.fstat(f.fileno()) == os.fstat(g.fileno())
        assert type(f).__name__ == type(g).__name__
        assert isinstance(f, type(g))
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert mapped[:] == A
        assert f.raw.readable()

    assert [(fact.what, fact.name) for fact in wrapped.facts()] == [("read", "a")]


@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
def test_a_handle_has_every_attribute_of_the_bare_one(make_place, kind):
    """Whatever a library asks a handle for, the answer is of the same type."""
    wrapped, bare = make_place(kind), make_place(kind, wrapped=False)
    wrapped.fill()
    for mode, name in (("rb", "a"), ("wb", "n")):
        with (
            wrapped.fs.open(wrapped.at(name), mode) as f,
            bare.fs.open(wrapped.at(name), mode) as g,
        ):
            assert isinstance(f, type(g))
            assert [n for n in dir(g) if not n.startswith("__") and n not in dir(f)] == []
            assert (f.readable(), f.writable(), f.seekable()) == (
                g.readable(),
                g.writable(),
                g.seekable(),
            )


def test_a_failed_upload_is_no_version(make_place, monkeypatch):
    """A close that raises leaves the write incomplete, and the job gets its own error."""
    place = make_place("s3")
    place.fill()
    f = place.fs.open(place.at("n"), "wb")
    f.write(NEW)

    def refuse(*args, **kwargs):
        raise OSError(28, "no space")

    monkeypatch.setattr(place.fs, "call_s3", refuse)
    with pytest.raises(OSError, match="no space"):
        f.close()

    facts = place.facts()
    assert differences(facts, [Fact("incomplete", "n", fact.content) for fact in facts]) == []
    assert place.stored("n") is None
    f.closed = True  # else the interpreter tries again when it drops the handle


def test_a_shared_object_is_read_by_each_handle(place):
    """Two handles that read by turns do not disturb each other's digests."""
    with place.fs.open(place.at("a"), "rb") as f, place.fs.open(place.at("d/x"), "rb") as g:
        first, second = f.read(4), g.read(4)
        first, second = first + f.read(), second + g.read()

    assert (first, second) == (A, X)
    assert place.facts() == sorted([whole("read", "a", A), whole("read", "d/x", X)], key=str)
