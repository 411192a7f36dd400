"""List the regular files below a directory with their fingerprints, in the order of bytes.

Contract: symbolic links are not followed, other filesystems below are entered, what vanishes
meanwhile is left out; a directory that cannot be read is told through `on_error`. One directory is
held in memory at a time on each level. Not here: what differs, see `provfs_agent.known.reconcile`.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from provfs.digest import fingerprint_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provfs.model import Fingerprint


def state_of(path: str) -> Fingerprint | None:
    """Return the fingerprint of a regular file; None where there is none at this path."""
    try:
        result = os.lstat(path)
    except (OSError, ValueError):
        return None
    return fingerprint_of(result) if stat.S_ISREG(result.st_mode) else None


def is_gone(path: str) -> bool:
    """Say whether nothing stands at a path; False where that cannot be seen."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def files_below(
    directory: str,
    skip: Callable[[str], bool] = lambda _: False,
    on_error: Callable[[OSError], None] = lambda _: None,
) -> Iterator[tuple[str, Fingerprint]]:
    """Yield path and fingerprint of every regular file, ordered by the bytes of the path.

    Args:
        directory: Absolute path, without a slash at the end.
        skip: Says of a directory that it is not entered.
        on_error: Told of a directory that cannot be read.
    """
    levels = [iter(_entries(directory, on_error))]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
        elif entry.is_dir(follow_symlinks=False):
            if not skip(entry.path):
                levels.append(iter(_entries(entry.path, on_error)))
        elif (state := state_of(entry.path)) is not None:
            yield entry.path, state


def _entries(directory: str, on_error: Callable[[OSError], None]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as listing:
            return sorted(listing, key=_place)
    except OSError as error:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            on_error(error)
        return []


def _place(entry: os.DirEntry[str]) -> bytes:
    """Return what sorts entries so that their paths, and those below them, are in order."""
    name = os.fsencode(entry.name)
    return name + b"/" if entry.is_dir(follow_symlinks=False) else name
