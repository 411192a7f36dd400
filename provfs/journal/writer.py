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
        self._descriptor = -1
        self._size = 0
        self._torn = False
        self._file = (0, 0)
        self._process = os.getpid()

    def append(self, line: bytes) -> bool:
        """Append one encoded record; False where it could not be and was counted as lost."""
        try:
            if os.getpid() != self._process:
                self.lost += 1
                return False
            descriptor = self._descriptor
            ours = self._is_ours(descriptor)
            if not ours or self._size >= ROTATE_BYTES:
                self._open_next(descriptor if ours else -1)
            self._write(line)
        except Exception:  # noqa: BLE001 - a broken journal stops capture, never the job
            self.lost += 1
            return False
        return True

    def abandon(self) -> None:
        """Let go of the file without writing, as a fork child does with what it inherited."""
        if self._is_ours(self._descriptor):
            os.close(self._descriptor)
        self._descriptor = -1

    def _is_ours(self, descriptor: int) -> bool:
        """Say whether a descriptor is still that of the journal.

        A program that closes all descriptors, as daemons do, may have been given this number for a
        file of its own. That file is left alone, and so is its descriptor.
        """
        if descriptor < 0:
            return False
        try:
            stat = os.fstat(descriptor)
        except OSError:
            return False
        return (stat.st_ino, stat.st_dev) == self._file

    def _open_next(self, full: int) -> None:
        """Go on in the next file and close the one that is full, -1 where there is none.

        Threads that come here at once get a file each, and none closes what another writes to.
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
            stat = os.fstat(descriptor)
            self._number, self._size, self._torn = number, 0, False
            self._file = (stat.st_ino, stat.st_dev)
            self._descriptor = descriptor
            if full >= 0:
                os.close(full)
            self._write(self._header(number))
            return
        raise FileExistsError(self._directory)

    def _write(self, line: bytes) -> None:
        data = b"\n" + line if self._torn else line
        written = os.write(self._descriptor, data)
        self._size += written
        while written < len(data):
            self._torn = True
            more = os.write(self._descriptor, data[written:])
            self._size += more
            written += more
        self._torn = False
