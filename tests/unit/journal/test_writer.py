"""The journal writer: whole lines, whatever happens around it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provfs.journal import writer
from provfs.journal.writer import JournalWriter
from provfs.model import ExecutionName

NAME = ExecutionName("abcdefabcdef", 12, 34)


def lines_of(directory: Path, number: int = 0) -> list[bytes]:
    return (directory / f"abcdefabcdef.12.34.{number}.jsonl").read_bytes().splitlines()


def test_writer_opens_the_file_at_the_first_record(tmp_path: Path) -> None:
    """A process that records nothing leaves no journal."""
    journal = JournalWriter(tmp_path, NAME, lambda _: b"header\n")
    before = list(tmp_path.iterdir())

    assert journal.append(b"one\n")

    assert before == []
    assert lines_of(tmp_path) == [b"header", b"one"]
    assert (tmp_path / "abcdefabcdef.12.34.0.jsonl").stat().st_mode & 0o777 == 0o600


def test_writer_goes_on_in_the_next_file_when_one_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file of a journal begins with a header of its own."""
    monkeypatch.setattr(writer, "ROTATE_BYTES", 20)
    journal = JournalWriter(tmp_path, NAME, lambda number: b"header %d\n" % number)

    for text in (b"0123456789\n", b"next\n"):
        assert journal.append(text)

    assert lines_of(tmp_path, 0) == [b"header 0", b"0123456789"]
    assert lines_of(tmp_path, 1) == [b"header 1", b"next"]


def test_writer_takes_the_next_number_after_an_exec(tmp_path: Path) -> None:
    """A second program image of the same process never appends to the file of the first."""
    assert JournalWriter(tmp_path, NAME, lambda _: b"h\n").append(b"first\n")
    assert JournalWriter(tmp_path, NAME, lambda _: b"h\n").append(b"second\n")

    assert lines_of(tmp_path, 0) == [b"h", b"first"]
    assert lines_of(tmp_path, 1) == [b"h", b"second"]


def test_writer_counts_what_it_cannot_write(tmp_path: Path) -> None:
    """An unusable directory loses records, counted, and raises nothing."""
    journal = JournalWriter(tmp_path / "missing", NAME, lambda _: b"h\n")

    results = [journal.append(b"a\n"), journal.append(b"b\n")]

    assert results == [False, False]
    assert journal.lost == 2


def test_writer_begins_a_new_line_after_a_torn_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up in the middle of a record damages that record only."""
    journal = JournalWriter(tmp_path, NAME, lambda _: b"h\n")
    journal.append(b"whole\n")
    whole = writer.append

    def short(*arguments: Any) -> int:
        monkeypatch.setattr(writer, "append", whole)
        written = whole(*arguments[:-1], arguments[-1][:3])
        monkeypatch.setattr(os, "write", full)
        return written

    def full(descriptor: int, data: bytes) -> int:
        monkeypatch.undo()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "append", short)
    results = [journal.append(b"torn record\n"), journal.append(b"after\n")]

    assert results == [False, True]
    assert lines_of(tmp_path) == [b"h", b"whole", b"tor", b"after"]


def test_writer_of_a_parent_is_not_used_by_a_fork_child(tmp_path: Path) -> None:
    """A fork child cannot append to its parent's journal."""
    journal = JournalWriter(tmp_path, NAME, lambda _: b"h\n")
    journal.append(b"parent\n")

    child = os.fork()
    if child == 0:
        os._exit(0 if journal.append(b"child\n") is False else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert lines_of(tmp_path) == [b"h", b"parent"]


def test_writer_keeps_lines_whole_between_threads(tmp_path: Path) -> None:
    """Threads that append at once never mix their lines."""
    journal = JournalWriter(tmp_path, NAME, lambda _: b"h\n")
    journal.append(b"first\n")
    threads = [
        threading.Thread(
            target=lambda n=n: [journal.append(b"%d" % n * 300 + b"\n") for _ in range(200)]
        )
        for n in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = lines_of(tmp_path)[2:]
    assert len(lines) == 800
    assert set(lines) == {b"%d" % n * 300 for n in range(4)}


def test_program_that_closes_all_descriptors_keeps_its_own_files_clean(
    home, work, run_python, journal_records
):
    """A daemon that closes every descriptor gets no journal line into a file in its place."""
    run_python(
        "import os\n"
        "open('a.csv', 'w').write('a')\n"
        "os.closerange(3, 256)\n"
        "files = [open(f'{n}.out', 'w') for n in range(20)]\n"
        "open('b.csv', 'w').write('b')\n"
        "for file in files: file.close()\n"
    )

    assert [path.read_text() for path in sorted(work.glob("*.out"))] == [""] * 20
    written = {getattr(r, "uri", "").rpartition("/")[2] for r in journal_records(home)}
    assert {"a.csv", "b.csv", "0.out", "19.out"} <= written


def test_writer_that_lost_its_descriptor_closes_no_file_of_the_program(tmp_path, monkeypatch):
    """A number given to another file is neither written to nor closed, at rotation too."""
    monkeypatch.setattr(writer, "ROTATE_BYTES", 10)
    journal = JournalWriter(tmp_path, ExecutionName("0" * 12, 1, 1), lambda _: b"header\n")
    journal.append(b"first record\n")
    with (tmp_path / "own.txt").open("w") as own:
        os.dup2(own.fileno(), journal._target[0])
        taken = journal._target[0]

        assert journal.append(b"second record\n")

        assert os.fstat(taken).st_ino == os.fstat(own.fileno()).st_ino
        os.close(taken)
    assert (tmp_path / "own.txt").read_text() == ""


def test_threads_that_rotate_at_once_close_each_file_once(tmp_path, monkeypatch):
    """A second close of a number could be that of a file which the program has just opened."""
    monkeypatch.setattr(writer, "ROTATE_BYTES", 20)
    journal = JournalWriter(tmp_path, NAME, lambda _: b"header\n")
    at_once = threading.Barrier(8)
    is_ours, real_close = JournalWriter._is_ours, os.close
    closed = []

    def ours_together(target: tuple[int, ...]) -> bool:
        found = is_ours(target)
        with suppress(threading.BrokenBarrierError):
            at_once.wait(5)
        return found

    def close(descriptor: int) -> None:
        closed.append(os.fstat(descriptor).st_ino)
        real_close(descriptor)

    journal.append(b"a record that fills the file\n")
    monkeypatch.setattr(JournalWriter, "_is_ours", staticmethod(ours_together))
    monkeypatch.setattr(os, "close", close)
    threads = [threading.Thread(target=journal.append, args=(b"%d\n" % n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()

    assert journal.lost == 0
    assert len(closed) == len(set(closed))
    lines = [line for path in tmp_path.iterdir() for line in path.read_bytes().splitlines()]
    assert {line for line in lines if line.isdigit()} == {b"%d" % n for n in range(8)}
