"""The marked directories below a root: what is marked, in which way, and what was found in them.

Contract: a directory is marked, by the ledger's group and by the gate, before it is listed. A mark
that could not be set because the directory was renamed meanwhile is set where it went. The gate may
end at any time; then nothing waits for it.
Not here: what the events say, see `provfs_agent.backends.kernel.ledger`.
"""

from __future__ import annotations

import os
import select
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from provfs_agent.backends.kernel import fanotify, wire
from provfs_agent.backends.kernel.names import Directories
from provfs_agent.events import FileKey

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from provfs_agent.backends.kernel.fanotify import Handle, Where
    from provfs_agent.backends.kernel.ledger import Plan

_NAMES = fanotify.CREATE | fanotify.DELETE | fanotify.RENAME | fanotify.ATTRIB | fanotify.ONDIR
_OPENINGS = fanotify.OPEN | fanotify.CLOSE_WRITE | fanotify.CLOSE_NOWRITE
_SELF = fanotify.DELETE_SELF | fanotify.MOVE_SELF | fanotify.ONDIR
_BATCH = 64
_TRIES = 3
_TURN_MS = 200
_NO_FILE: Final = FileKey(0, 0)


class _Asked(NamedTuple):
    """A directory that the gate was asked to mark, at the path where it was taken to be."""

    handle: Handle
    path: bytes
    tries: int = 0


def _stands(path: bytes, handle: Handle) -> bool:
    """Say whether a directory is at a path; a mark that was set there is its own only then."""
    try:
        return fanotify.handle_of(path, handle.filesystem) == handle
    except OSError:
        return False


def _go_on() -> None:
    """Do nothing between two steps of a long work."""


class Tree:
    """The directories below one root, and their marks.

    Args:
        plan: As the ledger's.
        gate: The socket to the gate; None where there is none.

    Raises:
        OSError: Handles are not to be had here.
    """

    def __init__(self, plan: Plan, gate: socket.socket | None) -> None:
        self._gate = gate
        self._root = os.fsencode(plan.root)
        self._skip_paths = frozenset(map(os.fsencode, plan.skip_paths))
        self._skip_names = frozenset(map(os.fsencode, plan.skip_names))
        self._contents = fanotify.MODIFY | (0 if gate else _OPENINGS)
        self._status = os.stat(self._root)
        self.group = fanotify.open_ledger()
        self.root = fanotify.handle_of(self._root)
        self.directories = Directories(self.root, self._root)
        self._inodes = {self.root.filesystem: fanotify.InodeReader(self.root, self._status)}
        self._filesystems = {self._status.st_dev: self.root.filesystem}
        self._asked: dict[int, list[_Asked]] = {}
        self._number = 0
        self._gate_error = ""
        self.mode = plan.marks
        self.names_everywhere = False
        self.marks = 0
        self.began = False
        self.is_gone = False
        self.while_waiting: Callable[[], None] = _go_on

    def begin(self) -> str:
        """Mark all that is there; return what the gate refused, empty where nothing.

        Raises:
            OSError: The root cannot be marked.
        """
        fanotify.mark(self.group, fanotify.MARK_ADD, _SELF, self._root)
        if self.mode != "directory":
            self._mark_filesystem()
        for _ in self._marked(self.root, all_below=True):
            pass
        self.began = True
        return self._gate_error

    def use_gate(self, gate: socket.socket) -> str:
        """Have another gate mark all that is known; return what it refused."""
        self._gate, self._gate_error = gate, ""
        self._asked.clear()
        if self.mode == "filesystem":
            self._ask_whole_filesystem()
        else:
            handles = list(self.directories)
            for begin in range(0, len(handles), _BATCH):
                self._ask_gate(handles[begin : begin + _BATCH])
                self.while_waiting()
        self._wait_for_gate()
        return self._gate_error

    def take_over(self) -> None:
        """Watch openings and closings too, from now on; there is no gate any more."""
        self._gate = None
        self._asked.clear()
        self._contents |= _OPENINGS
        if self.names_everywhere:
            self._mark_filesystem()
        for handle in list(self.directories):
            self._mark_directory(handle)
            self.while_waiting()

    def appeared(self, handle: Handle, place: Where, path: bytes) -> None:
        """Learn that a directory is now at a place."""
        with suppress(OSError):
            if handle.filesystem not in self._inodes:
                self._inodes[handle.filesystem] = fanotify.InodeReader(handle, os.lstat(path))
        self.directories.add(handle, place.directory, place.name)

    def went(self, handle: Handle | None, *, moved: bool = False) -> None:
        """Forget a directory and all below; take the marks back where it stands outside now."""
        for gone in self.directories.drop(handle) if handle is not None else ():
            if not moved:
                continue
            path, mask = self._present_path(gone), self._directory_mask(gone)
            if path is None:
                continue
            with suppress(OSError):
                if mask:
                    flags = fanotify.MARK_REMOVE | fanotify.MARK_ONLYDIR
                    fanotify.mark(self.group, flags, mask, path)
            self._send(wire.MarkPaths(0, [path], add=False))

    def mark_found(self, handle: Handle) -> None:
        """Mark a new directory whose content will be told, or has been told, by events."""
        self._mark_directory(handle)
        if self.mode != "filesystem":
            self._ask_gate([handle])

    def found(self, handle: Handle) -> Iterator[tuple[bytes, bool, FileKey]]:
        """Mark a new directory and all below it, then yield (path, is directory, file) of each."""
        yield from self._marked(handle, all_below=True)

    def path(self, place: Where) -> bytes | None:
        """Return the path of a place; None where its directory is not below the root."""
        above = self.directories.path(place.directory)
        if above is None or place.name in {b"", b"."}:
            return above
        return b"/".join((above, place.name))

    def outside(self, place: Where | None) -> str:
        """Return ` PATH` for a place that is not below the root; empty where it is not known."""
        if place is None:
            return ""
        folder = self._present_path(place.directory)
        return "" if folder is None else " " + os.fsdecode(os.path.join(folder, place.name))

    def is_left_out(self, path: bytes, name: bytes) -> bool:
        """Say whether nothing is watched below a directory."""
        return name in self._skip_names or path in self._skip_paths

    def file(self, handle: Handle | None, path: bytes) -> FileKey | None:
        """Return which file a handle names, or else what stands at the path now."""
        reader = self._inodes.get(handle.filesystem) if handle is not None else None
        file = reader.file(handle) if reader is not None else None
        if file is None:
            with suppress(OSError):
                status = os.lstat(path)
                file = FileKey(status.st_dev, status.st_ino)
        return file

    def is_there(self) -> bool:
        """Say whether the root is still the directory that was marked."""
        try:
            return os.path.samestat(os.lstat(self._root), self._status)
        except OSError:
            return False

    def gate_descriptor(self) -> int:
        """Return what becomes readable when the gate has answered; -1 without a gate."""
        return self._gate.fileno() if self._gate is not None else -1

    def hear_gate(self) -> None:
        """Take what the gate has answered, and ask again for what it did not find."""
        while self._gate is not None:
            try:
                messages = wire.receive(self._gate, wait=False)
            except EOFError:
                self._gate = None
                self._asked.clear()
                return
            if messages is None:
                return
            for message in messages:
                if isinstance(message, wire.Marked):
                    self._gate_answered(message)

    def _gate_answered(self, answer: wire.Marked) -> None:
        self._gate_error = self._gate_error or answer.error
        missed = set(answer.missing)
        again = [
            each._replace(tries=each.tries + 1)
            for index, each in enumerate(self._asked.pop(answer.number, []))
            if index in missed or (self.began and not _stands(each.path, each.handle))
        ]
        self._ask(
            [
                each._replace(path=path)
                for each in again
                if each.tries < _TRIES and (path := self._present_path(each.handle)) is not None
            ]
        )

    def _mark_filesystem(self) -> None:
        mask = _NAMES | (self._contents if self.mode == "filesystem" else 0)
        try:
            fanotify.mark(
                self.group, fanotify.MARK_ADD | fanotify.MARK_FILESYSTEM, mask, self._root
            )
        except OSError:
            self.mode = "directory"
            return
        self.names_everywhere = True
        if self.mode == "filesystem" and self._gate is not None:
            self._ask_whole_filesystem()

    def _marked(self, handle: Handle, *, all_below: bool) -> Iterator[tuple[bytes, bool, FileKey]]:
        """Mark level by level, each before it is listed; yield what is in them."""
        level = [handle]
        while level:
            for begin in range(0, len(level), _BATCH):
                batch = level[begin : begin + _BATCH]
                for each in batch:
                    self._mark_directory(each)
                if self.mode != "filesystem":
                    self._ask_gate(batch)
                self.while_waiting()
            self._wait_for_gate()
            below: list[Handle] = []
            for each in level:
                yield from self._listed(each, below)
                self.while_waiting()
            level = below if all_below else []

    def _listed(self, handle: Handle, below: list[Handle]) -> Iterator[tuple[bytes, bool, FileKey]]:
        folder = self.directories.path(handle)
        if folder is None:
            return
        where: bytes | None = folder
        if self.began and not _stands(folder, handle):
            where = self._present_path(handle)
        if where is None:
            return
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        path = os.path.join(folder, entry.name)
                        is_directory = stat.S_ISDIR(status.st_mode)
                        if is_directory:
                            if self.is_left_out(path, entry.name):
                                continue
                            child = self._handle(entry.path, status)
                            if self.directories.add(child, handle, entry.name):
                                below.append(child)
                        yield path, is_directory, FileKey(status.st_dev, status.st_ino)
        except OSError:
            return

    def _handle(self, path: bytes, status: os.stat_result) -> Handle:
        filesystem = self._filesystems.get(status.st_dev)
        handle = fanotify.handle_of(path, filesystem)
        if filesystem is None:
            self._filesystems[status.st_dev] = handle.filesystem
            self._inodes.setdefault(handle.filesystem, fanotify.InodeReader(handle, status))
        return handle

    def _mark_directory(self, handle: Handle) -> None:
        mask = self._directory_mask(handle)
        path = self.directories.path(handle)
        for _ in range(_TRIES if mask else 0):
            if path is None:
                return
            with suppress(OSError):
                flags = fanotify.MARK_ADD | fanotify.MARK_ONLYDIR
                fanotify.mark(self.group, flags, mask, path)
                if not self.began or _stands(path, handle):
                    self.marks += 1
                    return
            path = self._present_path(handle)
        if handle == self.root and mask:
            fanotify.mark(self.group, fanotify.MARK_ADD, mask, self._root)

    def _directory_mask(self, handle: Handle) -> int:
        if self.names_everywhere and handle.filesystem == self.root.filesystem:
            if self.mode == "filesystem":
                return 0
            return self._contents | fanotify.EVENT_ON_CHILD
        return _NAMES | self._contents | fanotify.EVENT_ON_CHILD

    def _present_path(self, handle: Handle) -> bytes | None:
        """Return where a file of the root's filesystem is now, also outside; None where nowhere."""
        try:
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return fanotify.path_of_handle(descriptor, handle)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _ask_whole_filesystem(self) -> None:
        self._number += 1
        self._asked[self._number] = [_Asked(self.root, self._root)]
        self._send(wire.MarkPaths(self._number, [self._root], add=True, whole_filesystem=True))

    def _ask_gate(self, handles: list[Handle]) -> None:
        known = [(each, self.directories.path(each)) for each in handles]
        self._ask([_Asked(each, path) for each, path in known if path is not None])

    def _ask(self, asked: list[_Asked]) -> None:
        if self._gate is None or not asked:
            return
        self._number += 1
        self._asked[self._number] = asked
        self._send(wire.MarkPaths(self._number, [each.path for each in asked], add=True))

    def _send(self, message: wire.MarkPaths) -> None:
        if self._gate is None:
            return
        try:
            wire.send(self._gate, message)
        except OSError:
            self._gate = None
            self._asked.clear()

    def _wait_for_gate(self) -> None:
        """Wait until the gate has done all that it was asked; a gate that ended ends the wait."""
        while self._asked and self._gate is not None:
            poller = select.poll()
            poller.register(self._gate, select.POLLIN)
            poller.poll(_TURN_MS)
            self.hear_gate()
            self.while_waiting()
