"""Make raw events, actors and states for tests of what follows from them.

Contract: times are in milliseconds on a clock that begins at 0; everything is deterministic.
"""

from __future__ import annotations

from provfs.model import Fingerprint
from provfs_agent.events import Actor, ProcessKey, RawEvent
from provfs_agent.facts import Fact
from provfs_agent.settle import Settler

MS = 1_000_000


def actor(pid: int, command: tuple[str, ...] = ("tool",), **fields) -> Actor:
    """Return the process with this pid."""
    return Actor(ProcessKey(pid, pid * 10), command=command, certain=True, **fields)


def state(inode: int = 1, size: int = 10, mtime: int = 1, ctime: int | None = None) -> Fingerprint:
    """Return the state of a file."""
    return Fingerprint(42, inode, size, mtime, mtime if ctime is None else ctime)


WRITER, READER, MOVER = actor(10), actor(20), actor(30)
A, B = state(1), state(2, mtime=2)


class Stream:
    """The events of one back end, numbered."""

    def __init__(self, backend="gate") -> None:
        self._seq = 0
        self._backend = backend

    def __call__(self, at_ms, kind, path, by=None, **fields) -> RawEvent:
        """Return an event."""
        self._seq += 1
        order = "merged" if by is None else "certain"
        values = {"order": order, **fields}
        return RawEvent(self._seq, at_ms * MS, self._backend, kind, path, actor=by, **values)


def due(settler: Settler, at_ms: int) -> list[Fact]:
    """Return the facts that are due at a moment."""
    return settler.due(at_ms * MS)
