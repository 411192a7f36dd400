"""Read what is new in the journals, batch by batch, while the batch before is being ingested.

Contract: a batch holds at most `BATCH_BYTES` of lines unless a single journal has more; the first
ones are smaller, so that the engine has something to do soon. Where little is new, all is read at
once and no thread is started. Not here: which lines are new, see `provfs.journal.reader`; how they
become rows, see `provfs.ingest.staging`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from provfs.journal.columns import Columns
from provfs.journal.reader import Slice, Unreadable, Waiting, new_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BATCH_BYTES = 256 << 20
"""Journal bytes per transaction: about 900,000 lines."""

_FIRST_BYTES = 64 << 20

SMALL_BYTES = 1 << 20
"""Below it several threads cost more than they save."""


class Piece(NamedTuple):
    """Lines of one journal: bytes `start` to `end`, how many, and the sha256 of their bytes."""

    journal: str
    start: int
    end: int
    lines: int
    digest: str


class Batch(NamedTuple):
    """What is ingested in one transaction: where it is from, and the lines themselves."""

    pieces: list[Piece]
    columns: Columns


def batches(
    directory: Path, waiting: list[Waiting], unreadable: list[Unreadable]
) -> Iterator[Batch]:
    """Yield what is new in these journals; adds those that cannot be read to `unreadable`."""
    made = _batches(directory, waiting, unreadable)
    if is_small(waiting):
        yield from made
        return
    with ThreadPoolExecutor(1, "provfs-journals") as thread:
        coming = thread.submit(next, made, None)
        while (batch := coming.result()) is not None:
            coming = thread.submit(next, made, None)
            yield batch


def is_small(waiting: list[Waiting]) -> bool:
    """Return whether so little is new that one thread is soonest done with it."""
    return sum(journal.size - journal.start for journal in waiting) < SMALL_BYTES


def empty() -> Batch:
    """Return a batch without lines."""
    return Batch([], Columns())


def _batches(
    directory: Path, waiting: list[Waiting], unreadable: list[Unreadable]
) -> Iterator[Batch]:
    batch, size, limit = empty(), 0, _FIRST_BYTES
    for journal in waiting:
        if batch.pieces and size + journal.size - journal.start > limit:
            yield batch
            batch, size, limit = empty(), 0, min(2 * limit, BATCH_BYTES)
        found = new_lines(directory, journal)
        if isinstance(found, Slice):
            batch.pieces.append(_add(found, batch.columns))
            size += len(found.content)
        elif found is not None:
            unreadable.append(found)
    if batch.pieces:
        yield batch


def _add(found: Slice, columns: Columns) -> Piece:
    digest = sha256(found.content).hexdigest()
    lines = columns.add(found.content)
    return Piece(found.journal, found.start, found.end, lines, digest)
