"""Put aside the journals that are complete, taken, and whose writer is gone.

Contract: a journal that its writer could not complete is told in `gaps` once, so that nobody waits
for its end: a process that is over ends no line any more, a full disk or a kill has cut its last
record. Not here: what is taken of a journal, see `provfs.ingest.pipeline`.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from provfs import process
from provfs.ingest.steps import run
from provfs.journal.reader import journal_names
from provfs.model import ExecutionName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

INGESTED = "ingested"
"""Directory below the journals for those that are complete, taken, and whose writer is gone."""


def ended(directory: Path, taken: Mapping[str, int]) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the journals that nobody writes any more: the taken, and (name, size) of the torn.

    Args:
        directory: The journal directory of a home.
        taken: How many bytes of a journal, by file name, are in the log.
    """
    whole: list[str] = []
    torn: list[tuple[str, int]] = []
    for name in journal_names(directory):
        with contextlib.suppress(OSError, ValueError):
            if not _is_over(name):
                continue
            # Looked at only now: the last record may have come just before the end.
            size = os.stat(directory / name).st_size
            if size == taken.get(name, -1):
                whole.append(name)
            elif not _has_line(directory / name, taken.get(name, 0)):
                torn.append((name, size))
    return whole, torn


def note_torn(
    connection: duckdb.DuckDBPyConnection,
    torn: list[tuple[str, int]],
    taken: Mapping[str, int],
) -> None:
    """Write a gap for each torn journal, and count it as taken to its end."""
    now_ns = time.time_ns()
    for name, _ in torn:
        detail = f"{name} at byte {taken.get(name, 0)}: ends without a complete line"
        run(connection, "torn", now_ns=now_ns, detail=detail)
    run(
        connection,
        "progress",
        journals=[name for name, _ in torn],
        ends=[size for _, size in torn],
        lines=[0] * len(torn),
        broken=[1] * len(torn),
        digests=[None] * len(torn),
        now_ns=now_ns,
    )


def put_aside(directory: Path, names: list[str]) -> None:
    """Move journals out of the way; what cannot be moved stays."""
    target = directory / INGESTED
    with contextlib.suppress(OSError):
        if names:
            target.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        with contextlib.suppress(OSError):
            os.rename(directory / name, target / name)


def _has_line(journal: Path, start: int) -> bool:
    """Return whether a complete line stands behind `start`: it came while we were busy."""
    with journal.open("rb") as file:
        file.seek(start)
        return b"\n" in file.read()


def _is_over(journal: str) -> bool | None:
    """Return whether the process that wrote a journal has ended; None where that is not known."""
    boot, pid, start, *_ = journal.split(".")
    return process.is_over(ExecutionName(boot, int(pid), int(start)))
