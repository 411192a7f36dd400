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

UNSETTLED_NS = 300_000_000
"""How long a rename or removal that a running process told last may still turn out to have failed.

It is told before it is tried. Later, a failure can only be put right by making the log anew.
"""
_TRIES = (b'{"type":"rename",', b'{"type":"remove",')


class Waiting(NamedTuple):
    """A journal that has grown: name, how much is taken, how large it is, and since when."""

    journal: str
    start: int
    size: int
    changed_ns: int


class Slice(NamedTuple):
    """New complete lines of one journal, and the byte at which they begin."""

    journal: str
    start: int
    content: bytes

    @property
    def end(self) -> int:
        """The byte behind the last line."""
        return self.start + len(self.content)


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


def grown(directory: Path, ingested: Mapping[str, int]) -> Iterator[Waiting | Unreadable]:
    """Yield the journals of a directory in which something is new.

    Args:
        directory: The journal directory of a home.
        ingested: How many bytes of a journal, by file name, are in the log already.
    """
    top = os.fspath(directory)
    for name in journal_names(directory):
        start = ingested.get(name, 0)
        try:
            state = os.stat(os.path.join(top, name))
        except OSError as error:
            yield Unreadable(directory / name, error.strerror or str(error))
        else:
            if state.st_size > start:
                yield Waiting(name, start, state.st_size, state.st_mtime_ns)


def new_lines(directory: Path, waiting: Waiting) -> Slice | Unreadable | None:
    """Return what is new in a journal; None where no line is complete."""
    name, start, size, changed_ns = waiting
    try:
        content = read(directory, name, start, size)
        content = content[: content.rfind(b"\n") + 1]
        if start == 0:
            _check_header(content)
    except OSError as error:
        return Unreadable(directory / name, error.strerror or str(error))
    except JournalError as error:
        return Unreadable(directory / name, str(error))
    if time.time_ns() - changed_ns < UNSETTLED_NS and _is_written(name):
        content = content[: _settled_end(content)]
    return Slice(name, start, content) if content else None


def read(directory: Path, journal: str, start: int, end: int) -> bytes:
    """Return the bytes of a journal from `start` to `end`; fewer where it is shorter.

    Raises:
        OSError: It cannot be read.
    """
    descriptor = os.open(os.path.join(directory, journal), os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.pread(descriptor, end - start, start)
        while start + len(content) < end:
            more = os.pread(descriptor, end - start - len(content), start + len(content))
            if not more:
                break
            content += more
        return content
    finally:
        os.close(descriptor)


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


def _settled_end(content: bytes) -> int:
    """Return where lines end, or where the last of them begins if it is a rename or removal."""
    last = content.rfind(b"\n", 0, -1) + 1
    return last if content.startswith(_TRIES, last) else len(content)


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
