"""Append records to this process's own journal, one write(2) per record.

Contract: `append` never raises, takes no lock and may be called from threads, signal handlers and
at interpreter exit: under O_APPEND one write(2) is one whole record. The file appears with the
first record, is `<boot>.<pid>.<start>.<n>.jsonl`, mode 0600, begins with a `journal` record and is
followed by number n + 1 when it has grown to `ROTATE_BYTES`. After a write that failed or fell
short, the next one begins with a newline, so that a torn line damages no other. A fork child that
inherits the writer appends nothing to its parent's file: `append` answers False there until the
child has made its own writer. Not here: the form of a record, see `provfs.journal.record`; reading,
see `provfs.journal.reader`.
"""

from __future__ import annotations

import os

from provfs.calls import append

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Named(Protocol):
        """What names an execution; `provfs.model.ExecutionName` is one."""

        @property
        def boot(self) -> str:
            """The boot of the host."""

        @property
        def pid(self) -> int:
            """The process id."""

        @property
        def start(self) -> int:
            """When the process began, in clock ticks since boot."""


ROTATE_BYTES = 16 << 20
"""A journal of this size is complete; about 60,000 records, ingested in a fraction of a second."""

_HIGHEST_NUMBER = 1_000_000
_STREAMS = 3
_OWN = 0o600


def _above_streams(descriptor: int) -> int:
    """Return a descriptor that is no standard stream: what a program prints must never go there."""
    low: list[int] = []
    try:
        while descriptor < _STREAMS:
            low.append(descriptor)
            descriptor = os.dup(descriptor)
    finally:
        for number in low:
            os.close(number)
    return descriptor


class JournalWriter:
    """The journal that one process appends to.

    Args:
        directory: Where journals lie, as a path; must exist.
        name: Names the execution that writes; becomes the file name.
        header: Returns the line of the `journal` record of file number n.
    """

    def __init__(
        self, directory: str | os.PathLike[str], name: Named, header: Callable[[int], bytes]
    ) -> None:
        self.lost = 0
        self._directory = os.fspath(directory)
        self._name = name
        self._header = header
        self._number = -1
        self._size = 0
        self._torn = False
        self._process = os.getpid()
        self._target = (-1, self._process, 0, 0)
        self._open: set[tuple[int, int, int, int]] = set()
        self._full: tuple[int, int, int, int] | None = None

    def append(self, line: bytes) -> bool:
        """Append one encoded record; False where it could not be and was counted as lost."""
        written = -1
        if not self._torn and self._size < ROTATE_BYTES:
            written = append(*self._target, line)
            if written == len(line):
                self._size += written
                return True
        try:
            if written >= 0:
                self._size += written
                self._finish(self._target[0], line, written)
                return True
            return self._append_otherwise(line)
        except Exception:  # noqa: BLE001 - a broken journal stops capture, never the job
            self.lost += 1
            return False

    def _append_otherwise(self, line: bytes) -> bool:
        """Append where there is no file yet, it is full or not ours, or the last line is torn."""
        if os.getpid() != self._process:
            self.lost += 1
            return False
        target = self._target
        ours = self._is_ours(target)
        if not ours or self._size >= ROTATE_BYTES:
            self._open_next(target if ours else None)
        self._finish(self._target[0], b"\n" + line if self._torn else line, 0)
        return True

    def abandon(self) -> None:
        """Let go of the file without writing, as a fork child does with what it inherited."""
        for target in (self._target, self._full):
            self._close_once(target)
        self._target = (-1, self._process, 0, 0)

    @staticmethod
    def _is_ours(target: tuple[int, int, int, int]) -> bool:
        """Say whether a descriptor is still that of the journal.

        A program that closes all descriptors, as daemons do, may have been given this number for a
        file of its own. That file is left alone, and so is its descriptor.
        """
        descriptor, _, device, inode = target
        try:
            stat = os.fstat(descriptor)
        except OSError:
            return False
        return (stat.st_dev, stat.st_ino) == (device, inode)

    def _open_next(self, full: tuple[int, int, int, int] | None) -> None:
        """Go on in the next file, and close the one that was full before.

        Threads that come here at once get a file each. A full file stays open until the next one is
        full, for a thread that is writing to it now, and is closed by one thread: the moment after,
        its number may be that of another file.
        """
        name = self._name
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        while self._number < _HIGHEST_NUMBER:
            number = self._number + 1
            path = f"{self._directory}/{name.boot}.{name.pid}.{name.start}.{number}.jsonl"
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileExistsError:
                self._number = number  # an earlier image of this process, before exec, wrote it
                continue
            descriptor = _above_streams(descriptor)
            stat = os.fstat(descriptor)
            if stat.st_mode & _OWN != _OWN:  # the umask takes the rights from its own files
                os.fchmod(descriptor, 0o600)
            self._number, self._size, self._torn = number, 0, False
            try:
                self._finish(descriptor, self._header(number), 0)
            finally:  # a file without its header is better than one more for each record
                target = (descriptor, self._process, stat.st_dev, stat.st_ino)
                self._open.add(target)
                self._target = target
                self._close_once(self._full)
                self._full = full
            return
        raise FileExistsError(self._directory)

    def _close_once(self, target: tuple[int, int, int, int] | None) -> None:
        if target is None or target not in self._open:
            return
        try:
            self._open.remove(target)  # in one step: it is there for one thread only
        except KeyError:
            return
        if self._is_ours(target):
            os.close(target[0])

    def _finish(self, descriptor: int, data: bytes, written: int) -> None:
        """Write what is left of a line of which so many bytes are written."""
        while written < len(data):
            self._torn = self._torn or written > 0
            more = os.write(descriptor, data[written:])
            self._size += more
            written += more
        self._torn = False
