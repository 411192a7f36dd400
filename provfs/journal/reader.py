"""Find the journals and cut out of them the complete lines that are new.

Contract: a slice begins where the last ingest ended and ends behind the last newline; a torn last
line waits until its end arrives, and so does a rename or removal that a running process has told a
moment ago, for it may have failed. Nothing here changes a journal. Not here: what the lines mean,
see `provfs.journal.record`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from provfs import process
from provfs.errors import JournalError
from provfs.journal import record
from provfs.model import ExecutionName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUFFIX = ".jsonl"
_BLOCK_BYTES = 65_536

UNSETTLED_NS = 300_000_000
"""How long a rename or removal that a running process told last may still turn out to have failed.

It is told before it is tried. Later, a failure can only be put right by making the log anew.
"""
_TRIES = (b'{"type":"rename",', b'{"type":"remove",')


class Slice(NamedTuple):
    """New complete lines of one journal: bytes `start` (inclusive) to `end` (exclusive)."""

    path: Path
    start: int
    end: int

    @property
    def journal(self) -> str:
        """The file name, by which the log remembers how far it got."""
        return self.path.name

    def read(self) -> bytes:
        """Return the bytes; every line is complete."""
        with self.path.open("rb", buffering=0) as file:
            return _bytes(file.fileno(), self.start, self.end)


class Unreadable(NamedTuple):
    """A journal that cannot be taken, and why, in words."""

    path: Path
    reason: str


def journals(directory: Path) -> list[Path]:
    """Return the journals of a directory, those of processes that began earlier first.

    Where many wait, the log then has its rows in the order of time, as if they had come one by one.
    """
    return [directory / name for name in journal_names(directory)]


def journal_names(directory: Path) -> list[str]:
    """Return the file names of the journals of a directory, in the same order."""
    try:
        names = [name for name in os.listdir(directory) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return sorted(names, key=_place)


def _place(name: str) -> tuple[str, int, str]:
    """Return what a journal is ordered by: boot, start of the process, name."""
    boot, _, start = (*name.split("."), "", "", "")[:3]
    return boot, int(start) if start.isdigit() else 0, name


def new_slices(directory: Path, ingested: Mapping[str, int]) -> Iterator[Slice | Unreadable]:
    """Yield what is new in each journal of a directory.

    Args:
        directory: The journal directory of a home.
        ingested: How many bytes of a journal, by file name, are in the log already.
    """
    top = os.fspath(directory)
    for name in journal_names(directory):
        start = ingested.get(name, 0)
        path = os.path.join(top, name)
        try:
            state = os.stat(path)
            if state.st_size <= start:
                continue
            end = _end(path, start, state.st_size)
            if time.time_ns() - state.st_mtime_ns < UNSETTLED_NS and _is_written(name):
                end = _settled_end(path, start, end)
        except OSError as error:
            yield Unreadable(directory / name, error.strerror or str(error))
        except JournalError as error:
            yield Unreadable(directory / name, str(error))
        else:
            if end > start:
                yield Slice(directory / name, start, end)


def broken_lines(lines: bytes) -> Iterator[tuple[int, str]]:
    """Yield (byte offset, reason) for every line that is not a record."""
    offset = 0
    for line in lines.splitlines(keepends=True):
        if line.strip():
            try:
                record.decode(line)
            except (msgspec.DecodeError, ValueError) as error:
                yield offset, str(error)
        offset += len(line)


def _end(path: str, start: int, size: int) -> int:
    """Return the offset behind the last newline in [start, size); `start` where there is none.

    Raises:
        JournalError: The journal has a format that is not known here.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end, first = size, start == 0
        while end > start:
            begin = max(start, end - _BLOCK_BYTES)
            block = _bytes(descriptor, begin, end)
            if first:
                _check_header(block if begin == 0 else _bytes(descriptor, 0, _BLOCK_BYTES))
                first = False
            place = block.rfind(b"\n")
            if place >= 0:
                return begin + place + 1
            end = begin
        return start
    finally:
        os.close(descriptor)


def _settled_end(path: str, start: int, end: int) -> int:
    """Return `end`, or where the last line begins if it is a rename or removal."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        begin = max(start, end - _BLOCK_BYTES)
        block = _bytes(descriptor, begin, end)
    finally:
        os.close(descriptor)
    last = block.rfind(b"\n", 0, -1) + 1
    return begin + last if block.startswith(_TRIES, last) else end


def _is_written(journal: str) -> bool:
    """Return whether the process that writes a journal is known to be running."""
    boot, pid, start = (*journal.split("."), "", "", "")[:3]
    if not (pid.isdigit() and start.isdigit()):
        return False
    return process.is_over(ExecutionName(boot, int(pid), int(start))) is False


def _check_header(head: bytes) -> None:
    line, newline, _ = head.partition(b"\n")
    if not newline:
        return
    try:
        header = record.decode(line)
    except (msgspec.DecodeError, ValueError):
        return
    if isinstance(header, record.Journal) and header.format > record.FORMAT:
        msg = f"written in format {header.format}; this provfs knows up to {record.FORMAT}"
        raise JournalError(msg)


def _bytes(descriptor: int, start: int, end: int) -> bytes:
    """Return the bytes from `start` to `end`; fewer where the file is shorter."""
    content = os.pread(descriptor, end - start, start)
    while start + len(content) < end:
        more = os.pread(descriptor, end - start - len(content), start + len(content))
        if not more:
            break
        content += more
    return content
