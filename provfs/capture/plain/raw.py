"""Raw files that hash what is read and written through them, below every buffer and text layer.

Contract: to the job these are `io.FileIO`: same results, same errors, same descriptor. They look at
bytes as they pass, and tell their handle at close. What may bypass the object (`fileno()`) is
hashed again from the file. State lives in one slot, `_capture`; None means that nothing is
captured. Not here: what a handle records, see `provfs.capture.plain.reading` and `writing`; how
such a file is opened and wrapped, see `provfs.capture.plain.opening`.
"""

from __future__ import annotations

import os
from io import FileIO

from provfs.calls import state_of
from provfs.capture.execution import clock_ns
from provfs.capture.plain.reading import changed_meanwhile
from provfs.capture.plain.state import stat_tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from provfs.capture.plain.reading import ReadHandle
    from provfs.capture.plain.writing import WriteHandle


_ONE_READ_BYTES = 1 << 30
"""A file below this size is read whole with one system call; `FileIO.readall` takes four. Not where
the kernel tells no size: such files can end with the first piece, as those of `/proc/sys` do."""

_close = FileIO.close
_fileno = FileIO.fileno
_read = FileIO.read
_readall = FileIO.readall
_readinto = FileIO.readinto
_repr = FileIO.__repr__
_seek = FileIO.seek
_tell = FileIO.tell
_truncate = FileIO.truncate
_write = FileIO.write


def _bytes_of(data: Any, count: int) -> memoryview:
    """Return the first `count` bytes of any buffer."""
    view = memoryview(data)
    return view if view.nbytes == count and view.contiguous else view.cast("B")[:count]


class KnownFileIO(FileIO):
    """A raw file of a known version (`_capture` holds its entry), or one that is not captured."""

    __slots__ = ("_capture",)

    def __repr__(self) -> str:
        """Return the text of `io.FileIO`, in which Python 3.13 names a subclass without module."""
        text = _repr(self)
        return text if text.startswith("<_io.") else f"<_io.{text[1:]}"

    def close(self) -> None:
        """Close the file, after a look at whether it is still the known version."""
        entry: Any = getattr(self, "_capture", None)
        if entry is not None and not self.closed:
            self._capture: Any = None
            try:
                key, recorder, known = entry
                descriptor = _fileno(self)
                if state_of(descriptor) == known.state:
                    known.last_ns = now_ns = clock_ns()
                    if now_ns > recorder.flush_at_ns:
                        recorder.flush()
                else:
                    changed_meanwhile(recorder, key, known, stat_tuple(os.fstat(descriptor)))
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                entry[1].trouble(error)
            finally:
                _close(self)
            return
        _close(self)


class ReadingFileIO(KnownFileIO):
    """A raw file, open for reading, whose bytes are hashed as they pass."""

    __slots__ = ()

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override] # typeshed
        """Read up to `size` bytes with one system call, as `io.FileIO.read`."""
        if size is None or size < 0:
            return self.readall()
        handle = self._capture
        if handle is not None and handle.exposed:
            self._find_position(handle)
        data = _read(self, size)
        if data and handle is not None:
            try:
                handle.read(data, len(data))
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.give_up(error)
        return data

    def readall(self) -> bytes:
        """Read to the end, as `io.FileIO.readall`."""
        handle = self._capture
        if handle is None:
            return _readall(self)
        if handle.exposed:
            self._find_position(handle)
        size: int = handle.size_bytes
        if handle.position or handle.exposed or not 0 < size < _ONE_READ_BYTES:
            data = _readall(self)
        else:  # the whole file, and one byte more would be there if it had grown
            data = _read(self, size + 1) or b""
            if len(data) != size:
                data += _readall(self)
        if data:
            try:
                handle.read(data, len(data))
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.give_up(error)
        return data

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into a buffer, as `io.FileIO.readinto`."""
        handle = self._capture
        if handle is not None and handle.exposed:
            self._find_position(handle)
        got = _readinto(self, buffer)
        if got and handle is not None:
            try:
                handle.read(_bytes_of(buffer, got), got)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.give_up(error)
        return got

    def _find_position(self, handle: ReadHandle) -> None:
        """Ask where the descriptor stands, which somebody else may have moved."""
        try:
            handle.position = _tell(self)
        except Exception:  # noqa: BLE001 - without a position there is no digest
            handle.in_order = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move, as `io.FileIO.seek`."""
        position = _seek(self, offset, whence)
        if self._capture is not None:
            self._capture.position = position
        return position

    def fileno(self) -> int:
        """Return the descriptor; from here on, bytes may be read past this object."""
        if self._capture is not None:
            self._capture.exposed = True
        return _fileno(self)

    def close(self) -> None:
        """Record the read, then close."""
        handle = getattr(self, "_capture", None)
        if handle is not None and not self.closed:
            self._capture = None
            try:
                handle.finish(_fileno(self))
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.recorder.trouble(error)
            finally:
                _close(self)
            return
        _close(self)


class WritingFileIO(KnownFileIO):
    """A raw file that can write; what it writes in order is hashed as it passes."""

    __slots__ = ()

    def _announce(self, handle: WriteHandle) -> None:
        """Let the handle look at the prior version before the first change."""
        if not handle.changed or handle.generation != handle.recorder.generation:
            try:
                handle.before_change(_fileno(self))
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.recorder.trouble(error)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override] # typeshed
        """Write with one system call, as `io.FileIO.write`."""
        handle = self._capture
        if handle is None:
            return _write(self, data)
        self._announce(handle)
        try:
            count = _write(self, data)
        except OSError:
            handle.broken = True
            raise
        if count:
            try:
                if handle.appending:
                    handle.position = _tell(self) - count
                handle.write(_bytes_of(data, count), count)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.give_up(error)
        return count

    def truncate(self, size: int | None = None, /) -> int:
        """Cut or extend the file, as `io.FileIO.truncate`."""
        handle = self._capture
        if handle is None:
            return _truncate(self, size)
        self._announce(handle)
        length = _truncate(self, size)
        if length != handle.hashed:
            handle.in_order = False
        return length

    def _count_read(self, count: int | None) -> None:
        handle = self._capture
        if handle is not None and count:
            handle.position += count
            handle.read_bytes += count

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override] # typeshed
        """Read up to `size` bytes with one system call, as `io.FileIO.read`."""
        data = _read(self, -1 if size is None else size)
        self._count_read(len(data or b""))
        return data

    def readall(self) -> bytes:
        """Read to the end, as `io.FileIO.readall`."""
        data = _readall(self)
        self._count_read(len(data or b""))
        return data

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into a buffer, as `io.FileIO.readinto`."""
        got = _readinto(self, buffer)
        self._count_read(got)
        return got

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move, as `io.FileIO.seek`."""
        position = _seek(self, offset, whence)
        if self._capture is not None:
            self._capture.position = position
        return position

    def fileno(self) -> int:
        """Return the descriptor; from here on, the file may change past this object."""
        descriptor = _fileno(self)
        handle = self._capture
        if handle is not None and not handle.exposed:
            handle.exposed = True
            try:
                handle.learn_prior(descriptor)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.recorder.trouble(error)
        return descriptor

    def close(self) -> None:
        """Close, and record the write with the state that was left."""
        handle = getattr(self, "_capture", None)
        if handle is None or self.closed:
            _close(self)
            return
        self._capture = None
        fields = None
        complete = False
        try:
            try:
                fields = handle.finish(_fileno(self))
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                handle.recorder.trouble(error)
            finally:
                _close(self)
            complete = True
        finally:
            if fields is not None:
                try:
                    handle.record(fields, complete=complete)
                except Exception as error:  # noqa: BLE001 - capture never raises into the job
                    handle.recorder.trouble(error)


for _class in (KnownFileIO, ReadingFileIO, WritingFileIO):
    _class.__name__ = _class.__qualname__ = "FileIO"
    _class.__module__ = "_io"
del _class
