"""Events from threads of a library on their way to the thread that asks for them.

Contract: `put` never waits and may be called from any thread; above a limit events are dropped, and
an overflow stands where they are missing. `take` belongs to one thread.
Not here: what the events are, see the modules beside this one.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace

from provfs_agent.events import BackendName, RawEvent, clock_ns

_LIMIT = 200_000


class Inbox:
    """A queue with a descriptor that is readable while something is in it.

    Args:
        backend: Which back end the events are of.
        root: Named by the overflow events.
        limit: How many events may wait.
    """

    def __init__(self, backend: BackendName, root: str, limit: int = _LIMIT) -> None:
        self._backend: BackendName = backend
        self._root = root
        self._limit = limit
        self._waiting: deque[RawEvent] = deque()
        self._lock = threading.Lock()
        self._lost = 0
        self._seq = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._reader

    def put(self, event: RawEvent) -> None:
        """Take an event; its `seq` is given when it is taken out."""
        with self._lock:
            if len(self._waiting) >= self._limit:
                self._lost += 1
                return
            self._waiting.append(event)
            if len(self._waiting) == 1:
                with suppress(OSError):
                    os.write(self._writer, b"x")

    def overflow(self, detail: str, lost: int = 0) -> None:
        """Say that events are missing."""
        self.put(
            RawEvent(
                0, clock_ns(), self._backend, "overflow", self._root, is_directory=True,
                lost=lost, detail=detail,
            )
        )  # fmt: skip

    def take(self, timeout_s: float) -> list[RawEvent]:
        """Return what waits, numbered; empty after `timeout_s` without anything."""
        if not self._waiting and timeout_s > 0:
            select.select([self._reader], [], [], timeout_s)
        with self._lock:
            events, self._waiting = list(self._waiting), deque()
            lost, self._lost = self._lost, 0
            with suppress(BlockingIOError):
                os.read(self._reader, 16)
        if lost:
            self.lost += lost
            self.overflow("the agent did not take the events", lost)
        first = self._seq + 1
        self._seq += len(events)
        return [replace(event, seq=seq) for seq, event in enumerate(events, first)]

    def close(self) -> None:
        """Give back the descriptors."""
        with self._lock:
            if self._reader >= 0:
                os.close(self._reader)
                os.close(self._writer)
            self._reader = self._writer = -1
            self._limit = 0
