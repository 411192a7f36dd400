"""Tell the agent's own reading apart from that of others, where events do not say who reads.

Contract: each hashing makes one `open` and one `close_read` of its path; so many are taken away
from the events of that path, within `LIFE_S`. Where the system merges equal events, a read of
somebody else in the same moment can be taken for ours.
"""

from __future__ import annotations

import threading
from typing import Protocol

LIFE_S = 5.0
_EXPECTED_MAX = 50_000


class Clock(Protocol):
    """A clock that never steps, in seconds; injected by tests."""

    def __call__(self) -> float:
        """Return the time."""
        ...  # pragma: no cover


class OwnReads:
    """The events that hashing makes.

    Args:
        clock: Seconds that never step.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._expected: dict[tuple[str, str], tuple[int, float]] = {}

    def expect(self, path: str) -> None:
        """Note that a path is going to be opened and closed by us."""
        until = self._clock() + LIFE_S
        with self._lock:
            if len(self._expected) > _EXPECTED_MAX:
                now = self._clock()
                self._expected = {
                    key: value for key, value in self._expected.items() if value[1] > now
                }
            for kind in ("open", "close_read"):
                count, _ = self._expected.get((kind, path), (0, 0.0))
                self._expected[kind, path] = (count + 1, until)

    def take(self, kind: str, path: str) -> bool:
        """Say whether an event is one of ours, and take it away."""
        with self._lock:
            count, until = self._expected.get((kind, path), (0, 0.0))
            if count == 0:
                return False
            if count == 1 or until < self._clock():
                del self._expected[kind, path]
            else:
                self._expected[kind, path] = (count - 1, until)
            return until >= self._clock()
