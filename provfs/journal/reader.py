"""Find the journals and cut out of them the complete lines that are new.

Contract: a slice begins where the last ingest ended and ends behind the last newline; a torn last
line waits until its end arrives. Nothing here changes a journal. Not here: what the lines mean, see
`provfs.journal.record`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from provfs.journal import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUFFIX = ".jsonl"
_FIRST_LINE_BYTES = 65_536


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
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.end - self.start)


class Unreadable(NamedTuple):
    """A journal that cannot be taken, and why, in words."""

    path: Path
    reason: str


def journals(directory: Path) -> list[Path]:
    """Return the journals of a directory, those of processes that began earlier first.

    Where many wait, the log then has its rows in the order of time, as if they had come one by one.
    """
    try:
        names = [name for name in os.listdir(directory) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    return [directory / name for name in sorted(names, key=_place)]


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
    for path in journals(directory):
        start = ingested.get(path.name, 0)
        try:
            size = path.stat().st_size
            if size <= start:
                continue
            if start == 0 and (problem := _problem_of_header(path)):
                yield Unreadable(path, problem)
                continue
            end = _end_of_last_line(path, start, size)
        except OSError as error:
            yield Unreadable(path, error.strerror or str(error))
            continue
        if end > start:
            yield Slice(path, start, end)


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


def _problem_of_header(path: Path) -> str | None:
    with path.open("rb") as file:
        first = file.readline(_FIRST_LINE_BYTES)
    if not first.endswith(b"\n"):
        return None
    try:
        header = record.decode(first)
    except (msgspec.DecodeError, ValueError):
        return None
    if isinstance(header, record.Journal) and header.format > record.FORMAT:
        return f"written in format {header.format}; this provfs knows up to {record.FORMAT}"
    return None


def _end_of_last_line(path: Path, start: int, size: int) -> int:
    """Return the offset behind the last newline in [start, size); `start` where there is none."""
    block = 65_536
    with path.open("rb") as file:
        end = size
        while end > start:
            begin = max(start, end - block)
            file.seek(begin)
            place = file.read(end - begin).rfind(b"\n")
            if place >= 0:
                return begin + place + 1
            end = begin
    return start
