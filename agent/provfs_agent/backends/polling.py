"""Compare lists of files again and again: network filesystems (level E) and remote ones (level R).

Contract: one thread lists, and no faster than it is told to; it ends between two requests. What
cannot be listed at a time is left as it was: a server that does not answer has removed nothing.
Between two lists everything else stays unseen: readers, who wrote, and what was written twice.
Not here: what counts as a change, see `provfs_agent.backends.snapshots`.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from provfs.model import Fingerprint
from provfs_agent.backends.inbox import Inbox
from provfs_agent.backends.snapshots import Entry, differences
from provfs_agent.events import (
    BackendName,
    BackendStatus,
    FileKey,
    RawEvent,
    WatchSettings,
    clock_ns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provfs_agent.backends.kept import KeptList

_END_S = 5.0


class Lister(Protocol):
    """Lists what is below a root."""

    root: str

    def list_all(
        self, before: Mapping[str, Entry], go_on: Callable[[float], bool]
    ) -> dict[str, Entry]:
        """Return everything below the root; what could not be listed as it was `before`.

        Args:
            before: The list before this one.
            go_on: Waits so many seconds, and says whether to go on.

        Raises:
            FileNotFoundError: The root is gone.
            OSError: The root cannot be listed now.
        """


class PollingBackend:
    """One root, listed at intervals.

    Args:
        lister: Lists it.
        settings: How to watch.
        status: What to say of it, apart from numbers.
        backend: Which name events carry.
        first_wait_s: How long `start` waits for the first list; it goes on after that. None for as
            long as it takes.
        kept: The list of an earlier run, which the first one is compared with; None for none.
    """

    def __init__(
        self,
        lister: Lister,
        settings: WatchSettings,
        status: BackendStatus,
        backend: BackendName,
        first_wait_s: float | None = None,
        kept: KeptList | None = None,
    ) -> None:
        self.root = lister.root
        self._lister = lister
        self._settings = settings
        self._status = status
        self._backend: BackendName = backend
        self._inbox = Inbox(backend, lister.root)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._list: dict[str, Entry] | None = None
        self._kept = kept
        self._is_kept = False
        self._failing = False
        self._first_wait_s = first_wait_s
        self._first = threading.Event()
        self._error: Exception | None = None

    def start(self) -> None:
        """List for the first time; what is there then makes no events, unless a list was kept.

        Raises:
            OSError: It cannot be listed.
        """
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="provfs-polling", daemon=True)
        self._thread.start()
        self._first.wait(self._first_wait_s)
        if self._first.is_set() and self._error is not None:
            self.stop()
            msg = f"{self.root} cannot be listed: {self._error}"
            raise OSError(msg) from self._error

    def events(self, timeout_s: float) -> list[RawEvent]:
        """Return what has changed."""
        return self._inbox.take(timeout_s)

    def complete_ns(self, wanted_ns: int) -> int:
        """Return `wanted_ns`: there is one channel, which tells things in their order."""
        return wanted_ns

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something."""
        return self._inbox.fileno()

    def status(self) -> BackendStatus:
        """Return how well it sees now."""
        return replace(
            self._status,
            marks=len(self._list or ()),
            queue_depth=len(self._inbox),
            lost=self._inbox.lost,
        )

    def stop(self) -> None:
        """End it; a request on its way is waited for some seconds."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_END_S)
            self._thread = None
        self._keep()
        self._inbox.close()

    def compare(self) -> None:
        """List again, and tell what is different."""
        self._keep()
        try:
            after = self._lister.list_all(self._list or {}, self._go_on)
        except FileNotFoundError as error:
            self._tell_gone(str(error))
            return
        except Exception as error:  # noqa: BLE001 - clients of remote stores raise what they like
            if not self._failing:
                self._failing = True
                self._inbox.overflow(f"it cannot be listed: {error}")
            return
        if self._ended.is_set():
            return
        self._failing = False
        self._tell(after)

    def _keep(self) -> None:
        """Keep the list if all that it has told was taken; otherwise the one before it stays."""
        if self._kept is not None and self._list is not None and not self._is_kept:
            self._is_kept = not len(self._inbox)
            if self._is_kept:
                self._kept.save(self._list)

    def _tell(self, after: dict[str, Entry]) -> None:
        changes = differences(after if self._list is None else self._list, after)
        for change in changes:
            self._inbox.put(
                RawEvent(
                    0, clock_ns(), self._backend, change.kind, change.path, change.old_path,
                    change.entry.is_directory, change.entry.file,
                    detail=change.entry.fingerprint if self._backend == "remote" else "",
                )
            )  # fmt: skip
        if changes or self._list is None:
            self._is_kept = False
        self._list = after

    def _tell_gone(self, detail: str) -> None:
        self._ended.set()
        self._inbox.put(
            RawEvent(
                0, clock_ns(), self._backend, "gone", self.root, is_directory=True, detail=detail
            )
        )

    def _run(self) -> None:
        try:
            before = self._kept.load() if self._kept is not None else None
            after = self._lister.list_all(before or {}, self._go_on)
            if not self._ended.is_set():
                self._list = before
                self._tell(after)
        except Exception as error:  # noqa: BLE001 - clients of remote stores raise what they like
            self._error = error
            self._failing = True
            self._inbox.overflow(f"it cannot be listed: {error}")
        self._first.set()
        while self._go_on(self._settings.poll_interval_s):
            self.compare()

    def _go_on(self, wait_s: float) -> bool:
        return not self._ended.wait(wait_s) if wait_s > 0 else not self._ended.is_set()


class LocalLister:
    """Lists a directory tree of this host's filesystems.

    Args:
        root: Absolute path of a directory.
        settings: What to leave out.
    """

    def __init__(self, root: str, settings: WatchSettings) -> None:
        self.root = root
        self._settings = settings

    def list_all(
        self, before: Mapping[str, Entry], go_on: Callable[[float], bool]
    ) -> dict[str, Entry]:
        """As `Lister.list_all`."""
        found: dict[str, Entry] = {}
        waiting = [self.root]
        while waiting and go_on(0):
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    for each in entries:
                        self._take(each, found, waiting)
            except FileNotFoundError:
                if folder == self.root:
                    raise
            except OSError:
                if folder == self.root:
                    raise
                below = os.path.join(folder, "")
                found.update(
                    (path, entry) for path, entry in before.items() if path.startswith(below)
                )
        return found

    def _take(self, each: os.DirEntry[str], found: dict[str, Entry], waiting: list[str]) -> None:
        try:
            status = each.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        is_directory = stat.S_ISDIR(status.st_mode)
        if is_directory:
            if each.name in self._settings.skip_names or each.path in self._settings.skip_paths:
                return
            waiting.append(each.path)
        fingerprint = Fingerprint(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )
        found[each.path] = Entry(
            is_directory, str(fingerprint), FileKey(status.st_dev, status.st_ino)
        )
