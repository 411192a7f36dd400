"""Other systems than Linux: watchdog's observer of the system, which shows writing only. Level D.

Contract: tells what appeared, changed, moved and went; never who, never reading, and no end of
writing, so that a file is settled when it has been quiet.
Not here: Linux, see `provfs_agent.backends.native`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from provfs_agent.backends.inbox import Inbox
from provfs_agent.events import (
    BackendStatus,
    FileKey,
    Kind,
    RawEvent,
    WatchSettings,
    clock_ns,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.api import BaseObserver

_KINDS: Final[dict[str, Kind]] = {
    "created": "create",
    "deleted": "delete",
    "modified": "modify",
    "moved": "rename",
    "attrib": "attrib",
}
_HOLES = (
    "Reading is not seen, except by programs under `provfs run` or with a wrapped filesystem.",
    "Who wrote is not seen.",
)


class PortableBackend:
    """One root, watched in the way of the system.

    Args:
        root: Absolute path of a directory, without symbolic links.
        settings: How to watch.
        observer: Watchdog's; the system's own if None.
    """

    def __init__(
        self, root: str, settings: WatchSettings, observer: BaseObserver | None = None
    ) -> None:
        self.root = root
        self._settings = settings
        self._inbox = Inbox("inotify", root)
        self._observer = Observer() if observer is None else observer
        self._started = False

    def start(self) -> None:
        """Begin to watch.

        Raises:
            OSError: The system refuses.
        """
        if self._started:
            return
        self._observer.schedule(_Handler(self._tell), self.root, recursive=True)
        self._observer.start()
        self._started = True

    def events(self, timeout_s: float) -> list[RawEvent]:
        """Return what was seen."""
        return self._inbox.take(timeout_s)

    def complete_ns(self, wanted_ns: int) -> int:
        """Return `wanted_ns`: there is one channel, which tells things in their order."""
        return wanted_ns

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something."""
        return self._inbox.fileno()

    def status(self) -> BackendStatus:
        """Return how well it sees now."""
        return BackendStatus(
            level="D",
            name=f"watchdog, {type(self._observer).__name__}",
            attribution="none",
            reads_visible=False,
            queue_depth=len(self._inbox),
            lost=self._inbox.lost,
            holes=_HOLES,
        )

    def stop(self) -> None:
        """End it."""
        if self._started:
            self._observer.stop()
            self._observer.join()
            self._started = False
        self._inbox.close()

    def _tell(self, event: FileSystemEvent) -> None:
        kind = _KINDS.get(event.event_type)
        path, old_path = os.fsdecode(event.src_path), None
        if kind == "rename":
            path, old_path = os.fsdecode(event.dest_path), path
        if kind is None or (kind == "modify" and event.is_directory) or self._is_left_out(path):
            return
        if path == self.root:
            if kind in {"delete", "rename"}:
                self._put("gone", self.root, None, True)
            return
        self._put(kind, path, old_path, event.is_directory)

    def _put(self, kind: Kind, path: str, old_path: str | None, is_directory: bool) -> None:
        file = None
        with suppress(OSError):
            status = os.lstat(path)
            file = FileKey(status.st_dev, status.st_ino) if kind != "delete" else None
        self._inbox.put(
            RawEvent(0, clock_ns(), "inotify", kind, path, old_path, is_directory, file)
        )

    def _is_left_out(self, path: str) -> bool:
        if not self._settings.skip_names.isdisjoint(path[len(self.root) :].split(os.sep)):
            return True
        return any(
            path == each or path.startswith(os.path.join(each, ""))
            for each in self._settings.skip_paths
        )


class _Handler(FileSystemEventHandler):
    def __init__(self, tell: Callable[[FileSystemEvent], None]) -> None:
        self._tell = tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._tell(event)
