"""Renames and removals that were announced and must still be seen to have happened.

Contract: an audit event comes before its operation; whether it happened is seen when the same
thread does something next, or at exit. Not here: their records, see `provfs.capture.recorder`.
"""

from __future__ import annotations

import os

_LIMIT = 1_000


class PendingMoves(list[tuple[int, str, int, tuple[int, ...]]]):
    """(thread, path that will be gone, id of the record, (device, inode) of what lies there)."""

    __slots__ = ()

    @property
    def full(self) -> bool:
        """Whether all of them should be looked at before another one is announced."""
        return len(self) >= _LIMIT

    def failed(self, thread: int | None) -> list[int]:
        """Take out the moves of a thread (all if None); return the ids after which nothing is gone.

        Another thread may be between the announcement and the system call itself.
        """
        found: list[int] = []
        for move in [move for move in self if thread is None or move[0] == thread]:
            _, path, id_, identity = move
            try:
                self.remove(move)
                stat = os.lstat(path)
            except (ValueError, OSError):
                continue  # another thread has taken it, or it is gone as announced
            if (stat.st_dev, stat.st_ino) == identity:
                found.append(id_)
        return found
