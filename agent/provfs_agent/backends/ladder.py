"""Try the ways to watch a root from the best down, and go on with a lower one when one fails.

Contract: the levels are tried by starting them, and each refusal is kept with its reason. A back
end that fails later gives way to the next lower one for good; a gap tells of it.
Not here: what each level sees, see the modules beside this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provfs_agent.events import Backend, BackendStatus, RawEvent, clock_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Level(NamedTuple):
    """One way to watch: its letter, and what makes a back end that has not started."""

    letter: str
    make: Callable[[], Backend]


class Ladder:
    """One root, watched in the best way that works.

    Args:
        root: What is watched.
        levels: The best first.
    """

    def __init__(self, root: str, levels: Sequence[Level]) -> None:
        self.root = root
        self._levels = list(levels)
        self._refused: list[tuple[str, str]] = []
        self._current: Backend | None = None
        self._stepped_down = ""
        self._seq = 0

    def start(self) -> None:
        """Begin to watch at the best level that can be had.

        Raises:
            OSError: There is none.
        """
        if self._current is not None:
            return
        reason = "there is no way to watch it"
        while self._levels:
            level = self._levels.pop(0)
            backend = level.make()
            try:
                backend.start()
            except OSError as error:
                backend.stop()
                reason = error.strerror or str(error)
                self._refused.append((level.letter, reason))
                continue
            self._current = backend
            return
        msg = f"{self.root} cannot be watched: {reason}"
        raise OSError(msg)

    def events(self, timeout_s: float) -> list[RawEvent]:
        """Return what was seen.

        Raises:
            OSError: The last level that was left has failed.
        """
        self.start()
        assert self._current is not None  # noqa: S101 - `start` has raised otherwise
        try:
            events = self._current.events(timeout_s)
        except OSError as error:
            events = [self._step_down(str(error))]
        if self._stepped_down:
            first = self._seq + 1
            events = [replace(event, seq=seq) for seq, event in enumerate(events, first)]
        if events:
            self._seq = events[-1].seq
        return events

    def complete_ns(self, wanted_ns: int) -> int:
        """Return until when the present level has told everything."""
        return wanted_ns if self._current is None else self._current.complete_ns(wanted_ns)

    def fileno(self) -> int | None:
        """Return the descriptor of the present level; another one after each overflow."""
        return self._current.fileno() if self._current is not None else None

    def status(self) -> BackendStatus:
        """Return how well the present level sees.

        Raises:
            OSError: It never started.
        """
        if self._current is None:
            msg = f"{self.root} is not watched"
            raise OSError(msg)
        status = self._current.status()
        reasons = [each for each in (self._stepped_down, status.stepped_down) if each]
        return replace(status, refused=tuple(self._refused), stepped_down="; ".join(reasons))

    def stop(self) -> None:
        """End it."""
        if self._current is not None:
            self._current.stop()
        self._levels.clear()

    def _step_down(self, reason: str) -> RawEvent:
        assert self._current is not None  # noqa: S101 - something has just failed
        self._current.stop()
        self._current = None
        self._stepped_down = reason
        self.start()
        return RawEvent(
            0, clock_ns(), "poll", "overflow", self.root, is_directory=True,
            detail=f"{reason}; watched in another way from now on",
        )  # fmt: skip
