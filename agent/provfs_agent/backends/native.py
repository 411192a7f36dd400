"""Linux without privilege: watchdog's inotify, with its faults worked around. Level C.

Contract: what the kernel's queue or watchdog lost is told as an `overflow`; so are directories that
could not be watched. A directory that is moved out is no longer reported under its old name. Who
did it is whoever alone had the file open when it was looked for, which finds programs that hold
files for long, and nearly no short one: no actor from here is certain.
Not here: other systems, see `provfs_agent.backends.portable`.
Source: measured faults and what to do: docs/decisions/0015.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from watchdog.events import FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import WATCHDOG_ALL_EVENTS, InotifyConstants, InotifyFD, Mask
from watchdog.observers.inotify_move_event_grouper import PathedInotifyEvent

from provfs_agent.attribute import ProcessReader, describe, holders
from provfs_agent.backends.inbox import Inbox
from provfs_agent.events import (
    Actor,
    BackendStatus,
    FileKey,
    Kind,
    RawEvent,
    WatchSettings,
    clock_ns,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.inotify_c import InotifyEvent
    from watchdog.observers.inotify_move_event_grouper import GroupedInotifyEvent

_WATCHES, _QUEUE = "max_user_watches", "max_queued_events"
_EVENTS_OF_A_LISTING = 8
"""A listing of a directory makes four events, at it and at the one above, twice what must fit.

Whoever lists all directories at once, as a comparison with the disk does, would fill the queue, and
what follows a full queue is such a comparison."""

_LOOK_EVERY_S = 0.1
_HOLDERS_KEPT = 4096
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    ("is_create", "create"),
    ("is_delete", "delete"),
    ("is_modify", "modify"),
    ("is_attrib", "attrib"),
    ("is_open", "open"),
    ("is_close_write", "close_write"),
    ("is_close_nowrite", "close_read"),
)
_FILE_ONLY = {"modify", "open", "close_write", "close_read"}
_HOLES = (
    "Who did it is known only of programs that keep files open for some milliseconds.",
    "Openings and closings in a directory that was just made are missed.",
    "Writing through a hard link from outside the root is not seen.",
    "The agent's own reading of a file makes the same events as anybody's.",
)


_NO_READS = (
    "Reading is not seen: listing so many directories would fill the kernel's queue; raise "
    "fs.inotify.max_queued_events to eight times their number."
)


class NativeBackend:
    """One root, watched through inotify.

    Args:
        root: Absolute path of a directory, without symbolic links.
        settings: How to watch.
    """

    def __init__(self, root: str, settings: WatchSettings) -> None:
        self.root = root
        self._settings = settings
        self._inbox = Inbox("inotify", root)
        self._observer: _Observer | None = None
        self._processes = ProcessReader(held=False)
        self._holders: OrderedDict[FileKey, Actor] = OrderedDict()
        self._looked_s = 0.0
        self._sees_reads = True

    def start(self) -> None:
        """Begin to watch; return when every directory is watched.

        Raises:
            OSError: The root cannot be watched.
        """
        if self._observer is not None:
            return
        self._sees_reads = self._count() * _EVENTS_OF_A_LISTING <= (_limit(_QUEUE) or 0)
        observer = _Observer(self._inbox, self._is_left_out, self._sees_reads)
        observer.schedule(FileSystemEventHandler(), self.root, recursive=True)
        try:
            observer.start()
        except OSError:
            observer.end()
            raise
        self._observer = observer

    def events(self, timeout_s: float) -> list[RawEvent]:
        """Return what was seen, with the actors that could be found."""
        events = self._inbox.take(timeout_s)
        self._look(events)
        return [self._with_actor(event) for event in events]

    def complete_ns(self, wanted_ns: int) -> int:
        """Return `wanted_ns`: there is one channel, which tells things in their order."""
        return wanted_ns

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something."""
        return self._inbox.fileno()

    def status(self) -> BackendStatus:
        """Return how well it sees now."""
        return BackendStatus(
            level="C",
            name="inotify, by watchdog",
            attribution="best-effort",
            reads_visible=self._sees_reads,
            marks=self._observer.watches() if self._observer else 0,
            marks_limit=_limit(_WATCHES),
            queue_depth=len(self._inbox),
            lost=self._inbox.lost,
            holes=_HOLES if self._sees_reads else (*_HOLES, _NO_READS),
        )

    def stop(self) -> None:
        """End it."""
        if self._observer is not None:
            self._observer.end()
            self._observer = None
        self._inbox.close()

    def _is_left_out(self, path: bytes) -> bool:
        text = os.fsdecode(path)
        below = text[len(self.root) :].split("/")
        if not self._settings.skip_names.isdisjoint(below):
            return True
        return any(
            text == each or text.startswith(os.path.join(each, ""))
            for each in self._settings.skip_paths
        )

    def _count(self) -> int:
        """Return how many directories there are to watch."""
        count = 0
        for above, directories, _ in os.walk(os.fsencode(self.root)):
            directories[:] = [
                name for name in directories if not self._is_left_out(os.path.join(above, name))
            ]
            count += 1
        return count

    def _look(self, events: list[RawEvent]) -> None:
        """Look who has the files of some events open; at most so often that it costs little."""
        wanted = {
            event.file for event in events if event.file and event.kind in {"open", "modify"}
        } - self._holders.keys()
        now_s = time.monotonic()
        if not wanted or now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        for file, pids in holders(wanted).items():
            if len(pids) == 1 and pids[0] not in self._settings.own_processes:
                _, facts, _ = self._processes.look(pids[0])
                if facts is not None:
                    self._holders[file] = replace(describe(facts), certain=False)
        while len(self._holders) > _HOLDERS_KEPT:
            self._holders.popitem(last=False)

    def _with_actor(self, event: RawEvent) -> RawEvent:
        if event.file is None or event.kind not in _FILE_ONLY:
            return event
        actor = self._holders.get(event.file)
        if event.kind in {"close_write", "close_read"}:
            self._holders.pop(event.file, None)
        return event if actor is None else replace(event, actor=actor)


class _Observer(BaseObserver):
    def __init__(
        self, inbox: Inbox, is_left_out: Callable[[bytes], bool], sees_reads: bool
    ) -> None:
        self._descriptor = InotifyFD()
        self._descriptor.start()
        super().__init__(
            _Emitter,
            inotify_fd=self._descriptor,
            inbox=inbox,
            is_left_out=is_left_out,
            sees_reads=sees_reads,
        )

    def watches(self) -> int:
        return sum(each.watches() for each in self.emitters if isinstance(each, _Emitter))

    def end(self) -> None:
        self.unschedule_all()
        if self.is_alive():
            self.stop()
            self.join()
        self._descriptor.stop()
        self._descriptor.join()


class _Group(InotifyWatchGroup):
    """Watchdog's watches of one root, which also say what goes wrong."""

    def __init__(
        self, *arguments: Any, inbox: Inbox, is_left_out: Callable[[bytes], bool], **named: Any
    ) -> None:
        self._inbox = inbox
        self._is_left_out = is_left_out
        self._refused = False
        self._leaving: tuple[int, bytes] | None = None
        super().__init__(*arguments, **named)

    def on_queue_overflow(self) -> None:
        super().on_queue_overflow()
        self._inbox.overflow("the kernel's queue was full")

    def on_event(self, event: InotifyEvent) -> None:
        """Take an event; what follows a move out of a directory tells whether it came in again."""
        leaving, self._leaving = self._leaving, None
        if leaving is not None and not (event.is_moved_to and event.cookie == leaving[0]):
            self.forget(leaving[1])
        if event.is_moved_from and event.is_directory:
            path = self._build_event_source_path(event)
            self._leaving = None if path is None else (event.cookie, path)
        super().on_event(event)

    def left(self, cookie: int, path: bytes) -> None:
        """Learn that a directory did not come in again, unless a later event has told already."""
        if self._leaving == (cookie, path):
            self._leaving = None
            self.forget(path)

    def forget(self, path: bytes) -> None:
        """Take back the watches below a directory that is no longer here."""
        below = path + b"/"
        with self._lock:
            gone = {
                each: watch
                for each, watch in self._active_callbacks_by_path.items()
                if each == path or each.startswith(below)
            }
            mine = [
                watch
                for each, watch in gone.items()
                if self._active_callbacks_by_watch.get(watch) == each
            ]
            self._remove_callbacks(mine)
            for each in gone:
                self._active_callbacks_by_path.pop(each, None)

    def watches(self) -> int:
        return len(self._active_callbacks_by_watch)

    def _add_callback(self, path: bytes) -> None:
        if path != self.path and self._is_left_out(path):
            return
        super()._add_callback(path)
        is_watched = self._refused or path in self._active_callbacks_by_path
        if not is_watched and os.path.isdir(path):
            self._refused = True
            self._inbox.overflow(
                "a directory cannot be watched: no permission, or "
                "fs.inotify.max_user_watches is too low"
            )


class _Emitter(InotifyEmitter):
    def __init__(
        self,
        *arguments: Any,
        inbox: Inbox,
        is_left_out: Callable[[bytes], bool],
        sees_reads: bool,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self._inbox = inbox
        self._is_left_out = is_left_out
        self._mask = WATCHDOG_ALL_EVENTS
        if not sees_reads:
            reads = InotifyConstants.IN_OPEN | InotifyConstants.IN_CLOSE_NOWRITE
            self._mask = Mask(self._mask & ~reads)

    def watches(self) -> int:
        return self._inotify.watches() if isinstance(self._inotify, _Group) else 0

    def on_thread_start(self) -> None:
        self._inotify = _Group(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=True,
            event_mask=self._mask,
            inbox=self._inbox,
            is_left_out=self._is_left_out,
        )

    def build_and_queue_event(
        self, event: GroupedInotifyEvent, *, full_events: bool = False
    ) -> None:
        del full_events
        if isinstance(event, PathedInotifyEvent):
            self._one(event.ev, event.path)
            return
        old, new = event
        is_directory = new.ev.is_directory
        if self._is_left_out(new.path):
            return
        self._tell("rename", new.path, is_directory, old_path=old.path)

    def _one(self, event: InotifyEvent, path: bytes) -> None:
        is_directory = event.is_directory
        if self._is_left_out(path):
            return
        if event.is_moved_to:
            self._tell("create", path, is_directory, detail="moved in")
            if is_directory:
                self._tell_found(path)
        elif event.is_moved_from:
            if is_directory and isinstance(self._inotify, _Group):
                self._inotify.left(event.cookie, path)
            self._tell("delete", path, is_directory, detail="moved out")
        elif event.is_delete_self and path == os.fsencode(self.watch.path):
            self._tell("gone", path, True, detail="the root was removed")
        else:
            for name, kind in _KINDS:
                if getattr(event, name) and not (is_directory and kind in _FILE_ONLY):
                    self._tell(kind, path, is_directory)

    def _tell_found(self, folder: bytes) -> None:
        for above, directories, files in os.walk(folder):
            for name in (*directories, *files):
                path = os.path.join(above, name)
                if not self._is_left_out(path):
                    self._tell("create", path, name in directories, detail="moved in")

    def _tell(
        self,
        kind: Kind,
        path: bytes,
        is_directory: bool,
        *,
        old_path: bytes = b"",
        detail: str = "",
    ) -> None:
        file = None
        if kind not in {"delete", "gone"}:
            with suppress(OSError):
                status = os.lstat(path)
                file = FileKey(status.st_dev, status.st_ino)
        self._inbox.put(
            RawEvent(
                0, clock_ns(), "inotify", kind, os.fsdecode(path), os.fsdecode(old_path) or None,
                is_directory, file, detail=detail,
            )
        )  # fmt: skip


def _limit(name: str) -> int | None:
    try:
        with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
