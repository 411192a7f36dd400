"""One watched root: its back end, when it is tried again, and what was missed while it was not.

Contract: a root that cannot be watched now is no reason to end; it is tried again, and what happens
meanwhile is a gap. Not here: how a root is watched, see `provfs_agent.backends`.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import TYPE_CHECKING, Any

from provfs_agent.events import BackendStatus, WatchSettings, clock_ns
from provfs_agent.service.status import LastLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provfs.config import AgentSettings
    from provfs_agent.events import Backend, RawEvent

RETRY_S = 10.0
"""How often a root that is not there is looked for."""


SKIPPED_NAMES = frozenset(
    {".git", ".hg", ".svn", ".provfs", "__pycache__", "node_modules", "site-packages", ".venv"}
)
"""Directories whose files are out of scope by the built-in rules and that can be large."""


def watch_settings(options: AgentSettings, home: str, own: Iterable[int]) -> WatchSettings:
    """Return how roots are watched by the agent of a home, whose processes are `own`."""
    return WatchSettings(
        attribution="fast" if options.attribution == "fast" else "strict",
        level=options.level,  # type: ignore[arg-type] # checked when it was read
        skip_paths=(home,),
        skip_names=SKIPPED_NAMES,
        own_processes=frozenset(own),
        poll_interval_s=options.poll_interval_s,
        requests_per_s=options.requests_per_s,
        keep_lists=home,
    )


class Watched:
    """A root and its back end.

    Args:
        root: Absolute path without links, or a url.
        choose: Returns the best back end for a root, which watches it already.
    """

    def __init__(self, root: str, choose: Callable[[str, WatchSettings], Backend]) -> None:
        self.root = root
        self.problem = ""
        self.retry_s = 0.0
        self.rescan_s = 0.0
        self.overflows = 0
        self.last_loss = LastLoss()
        self._choose = choose
        self._backend: Backend | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is a url."""
        return "://" in self.root

    @property
    def is_watched(self) -> bool:
        """Whether its events are being taken."""
        return self._backend is not None

    def start(self, settings: WatchSettings) -> bool:
        """Begin to watch; False where that is not possible now."""
        self.retry_s = time.monotonic() + RETRY_S
        try:
            backend = self._choose(self.root, settings)
        except (OSError, ValueError, ImportError) as error:
            self.problem = str(error)
            return False
        self._backend, self.problem = backend, ""
        return True

    def fileno(self) -> int | None:
        """Return a descriptor that is readable when there are events; None where not."""
        return None if self._backend is None else self._backend.fileno()

    def events(self) -> list[RawEvent]:
        """Return what was seen; never waits."""
        return [] if self._backend is None else self._backend.events(0)

    def complete_ns(self, wanted_ns: int) -> int:
        """Return until when everything that happened has been among the events, as is known."""
        return wanted_ns if self._backend is None else self._backend.complete_ns(wanted_ns)

    def status(self) -> BackendStatus | None:
        """Return how well it is watched; None where it is not."""
        return None if self._backend is None else self._backend.status()

    def stop(self, problem: str = "") -> None:
        """Watch no longer."""
        backend, self._backend = self._backend, None
        self.problem = problem
        self.retry_s = time.monotonic() + RETRY_S
        if backend is not None:
            backend.stop()

    def lose(self) -> None:
        """Note that events were lost."""
        self.overflows += 1
        self.last_loss.note()

    def facts(self) -> dict[str, Any]:
        """Return what `provfs-agent status` says of it."""
        status = self.status()
        fields: dict[str, Any] = {"root": self.root, "watched": status is not None}
        if status is None:
            return {**fields, "problem": self.problem}
        return {
            **fields,
            "level": status.level,
            "back_end": status.name,
            "attribution": status.attribution,
            "reads_visible": status.reads_visible,
            "marks": status.marks,
            "marks_limit": status.marks_limit,
            "queue": status.queue_depth,
            "lost": status.lost,
            "overflows": self.overflows,
            "last_loss": self.last_loss.facts(),
            "refused": [f"{level}: {reason}" for level, reason in status.refused],
            "stepped_down": status.stepped_down,
            "holes": list(status.holes),
            "answer_p99_ms": status.answer_p99_ms,
        }


class Unwatched:
    """The back end of a root that is only looked at: it sees nothing.

    Args:
        root: The root.
        _: How it would be watched.
    """

    def __init__(self, root: str, _: WatchSettings) -> None:
        self.root = root

    def start(self) -> None:
        """Do nothing."""

    def events(self, timeout_s: float) -> list[RawEvent]:  # noqa: ARG002 - the protocol
        """Return nothing."""
        return []

    def complete_ns(self, wanted_ns: int) -> int:
        """Return `wanted_ns`: nothing is to come."""
        return wanted_ns

    def fileno(self) -> int | None:
        """Return None."""
        return None

    def status(self) -> BackendStatus:
        """Say that it sees nothing."""
        return BackendStatus("E", "looked at once", "none", reads_visible=False)

    def stop(self) -> None:
        """Do nothing."""


def is_there(root: str) -> bool:
    """Say whether a root is a directory that can be listed."""
    return os.path.isdir(root) and os.access(root, os.R_OK | os.X_OK)


def span(from_s: float, to_s: float) -> str:
    """Return two UTC epoch times in words."""
    return f"from {_moment(from_s)} to {_moment(to_s)}"


def wall_s(at_ns: int) -> float:
    """Return the UTC epoch seconds of a time on the clock of events."""
    return time.time() - (clock_ns() - at_ns) / 1e9


def _moment(at_s: float) -> str:
    return dt.datetime.fromtimestamp(at_s, dt.UTC).isoformat(timespec="milliseconds")
