"""Directories beside the log in which a new one is made, and what dead makers left behind.

Contract: a directory is its maker's as long as a lock on it is held; the kernel gives the lock back
when the maker dies, and the next ingest removes the directory. What an ingest itself leaves when it
is killed has a name of its own and is removed by the next one, which holds the turn. Not here: what
is made, see `provfs.ingest.integrity` and `provfs.ingest.compaction`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: nothing tells whose a directory is
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY = re.compile(r"(rebuild|compact)-.*")
_FILE = re.compile(r"ingest-.*\.jsonl|.*\.duckdb\.[0-9]+\.new(\.wal)?")


@contextmanager
def directory(home: Path, purpose: str) -> Iterator[Path]:
    """Yield an empty directory in a home, and remove it afterwards.

    Args:
        home: Where.
        purpose: rebuild or compact.
    """
    made, lock = _locked_directory(home, f"{purpose}-")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def sweep(home: Path) -> None:
    """Remove what makers who were killed have left; to be called by who holds the log alone."""
    if fcntl is None:  # pragma: no cover
        return
    with contextlib.suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            if _DIRECTORY.fullmatch(entry.name):
                _remove_if_left(entry.path)
            elif _FILE.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _locked_directory(home: Path, prefix: str) -> tuple[Path, int]:
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
        lock = os.open(made, os.O_RDONLY | os.O_CLOEXEC)
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            return made, lock
        os.close(lock)  # somebody swept it away before it was locked


def _remove_if_left(path: str) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
        finally:
            os.close(lock)
