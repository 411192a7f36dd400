"""Journals, cut into complete lines."""

from __future__ import annotations

import os
import time

import pytest

from provfs import process
from provfs.journal.reader import (
    UNSETTLED_NS,
    Slice,
    Unreadable,
    Waiting,
    broken_lines,
    grown,
    journals,
    new_lines,
)
from provfs.journal.record import Failed, Rename, encode
from tests import builders as b


def new_slices(directory, ingested):
    """Return what is new in each journal of a directory."""
    found = grown(directory, ingested)
    pieces = [new_lines(directory, each) if isinstance(each, Waiting) else each for each in found]
    return [piece for piece in pieces if piece is not None]


def test_new_slices_end_behind_the_last_newline(tmp_path):
    """A torn last line is left for later, however long the rest is."""
    path = b.write_journal(tmp_path, 1, [b.execution(1, 1)])
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"x" * 200_000)

    (piece,) = new_slices(tmp_path / "journal", {})

    assert piece == Slice(path.name, 0, path.read_bytes()[:whole])
    assert piece.end == whole


def test_new_slices_begin_where_the_last_ingest_ended(tmp_path):
    """What is in the log is not read again; a journal with nothing new is not mentioned."""
    path = b.write_journal(tmp_path, 1, [b.execution(1, 1)])
    taken = path.stat().st_size
    line = b.lines([b.exit_(1, 9)])
    nothing = new_slices(tmp_path / "journal", {path.name: taken})
    with path.open("ab") as file:
        file.write(line)

    (piece,) = new_slices(tmp_path / "journal", {path.name: taken})

    assert nothing == []
    assert isinstance(piece, Slice)
    assert piece == Slice(path.name, taken, line)
    assert piece.end == taken + len(line)


def test_new_slices_leave_out_a_journal_without_a_complete_line(tmp_path):
    """A process that is just writing its first line has nothing to give yet."""
    directory = tmp_path / "journal"
    directory.mkdir()
    (directory / "x.1.1.0.jsonl").write_bytes(b'{"type":"jour')

    assert new_slices(directory, {}) == []


@pytest.mark.skipif("__import__('os').geteuid() == 0", reason="root may read everything")
def test_new_slices_name_a_journal_that_cannot_be_read(tmp_path):
    """A journal of another user is reported, the others are taken."""
    path = b.write_journal(tmp_path, 1, [b.execution(1, 1)])
    path.chmod(0)

    (piece,) = new_slices(tmp_path / "journal", {})

    assert isinstance(piece, Unreadable)


def test_journals_of_a_missing_directory_are_none(tmp_path):
    """A home that nobody has written to yet is empty."""
    assert journals(tmp_path / "none") == []


def test_broken_lines_are_found_with_their_place():
    """Each line that is no record is named by its first byte."""
    good = b.lines([b.exit_(1, 9)])

    found = [offset for offset, _ in broken_lines(good + b"\n" + b"bad\n" + good + b"{}\n")]

    assert found == [len(good) + 1, 2 * len(good) + 5]


def test_rename_that_was_told_a_moment_ago_waits_until_it_may_not_have_failed(tmp_path):
    """A rename is told before it is tried: the end of a journal that is written waits for it."""
    directory = tmp_path / "journal"
    directory.mkdir()
    before = encode(b.journal(b.execution_name(1)))
    moved = encode(Rename(execution="x", id=1, uri="a", to="b", at_ns=1, channel="open"))
    name = f"{process.boot()}.{os.getpid()}.{process.start_of(os.getpid())}.0.jsonl"
    path = directory / name
    path.write_bytes(before + moved)

    just_told = new_slices(directory, {})
    os.utime(path, ns=(0, time.time_ns() - UNSETTLED_NS))
    told_before = new_slices(directory, {})
    path.write_bytes(before + moved + encode(Failed(execution="x", id=1, at_ns=2)))
    failed = new_slices(directory, {})

    assert just_told == [Slice(path.name, 0, before)]
    assert told_before == [Slice(path.name, 0, before + moved)]
    assert failed == [Slice(path.name, 0, path.read_bytes())]


def test_rename_of_a_writer_that_is_over_or_elsewhere_does_not_wait(tmp_path):
    """Nothing more is to come of it, or nobody knows."""
    directory = tmp_path / "journal"
    directory.mkdir()
    moved = encode(Rename(execution="x", id=1, uri="a", to="b", at_ns=1, channel="open"))
    paths = [directory / f"{boot}.999999999.1.0.jsonl" for boot in ("0" * 12, process.boot())]
    for path in paths:
        path.write_bytes(encode(b.journal(b.execution_name(1))) + moved)

    found = new_slices(directory, {})

    assert {piece.end for piece in found} == {paths[0].stat().st_size}
    assert len(found) == 2
