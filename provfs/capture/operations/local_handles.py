"""The handles of the local filesystem of fsspec, over raw files that look on.

Contract: a handle is a `LocalFileOpener` whose inner file, and with it every way around the opener,
captures. Under `provfs run` the local filesystem needs none of this.
Not here: whole-file operations, see `provfs.capture.operations.local`.
"""

from __future__ import annotations

import builtins
import io
import os
import tempfile
from functools import wraps
from typing import Any

from fsspec.compression import compr
from fsspec.implementations.local import LocalFileOpener, LocalFileSystem
from fsspec.spec import AbstractFileSystem

from provfs.capture.active import active
from provfs.capture.execution import clock_ns
from provfs.capture.layers.places import uri_of
from provfs.capture.operations.handles import follow
from provfs.capture.operations.records import CHANNEL
from provfs.capture.plain.opening import CapturedOpen, Opener
from provfs.capture.plain.state import fingerprint_text, stat_tuple
from provfs.capture.recorder import inside
from provfs.model import uri_of_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from provfs.capture.recorder import Recorder


_opener: list[Opener] = []
_strip_protocol = LocalFileSystem._strip_protocol.__func__  # noqa: SLF001 - how fsspec itself names a file


_exit = LocalFileOpener.__exit__


class _Opener(LocalFileOpener):
    """A `LocalFileOpener` whose inner file captures."""

    f: Any

    def _open(self) -> None:
        if not _opener or isinstance(builtins.open, CapturedOpen):
            super()._open()
            return
        if self.f is not None and not self.f.closed:
            return
        if self.mode == "rb" and not self.compression:
            self.f, size = _opener[0].open_for_reading(self.path)
            if size is not None:
                self.size = self.f.size = size
                return
        elif not self._open_otherwise():
            return
        self.size = self.f.seek(0, 2)
        self.f.seek(0)
        self.f.size = self.size

    def _open_otherwise(self) -> bool:
        """Open in another mode or through a compressor; returns whether the size is asked for."""
        if self.mode == "wb" and self.autocommit and not self.compression:
            self.f = _opener[0].open_for_writing(self.path)
            return False
        writes = "w" in self.mode
        final = self.autocommit or not writes
        if not final:
            descriptor, self.temp = tempfile.mkstemp()
            os.close(descriptor)
        name = self.path if final else self.temp
        self.f = _opener[0].open(name, self.mode, -1, None, None, None, True, None)
        if final and self.compression:
            self.f = compr[self.compression](self.f, mode=self.mode)
        return not writes

    def __exit__(self, kind: object, error: object, trace: object) -> Any:
        if kind is not None and not isinstance(builtins.open, CapturedOpen):
            written: Any = getattr(getattr(self.f, "raw", None), "_capture", None)
            if written is not None and hasattr(written, "broken"):
                written.broken = True
        return _exit(self, kind, error, trace)

    def commit(self) -> None:
        """Publish the file under its own name, as one rename."""
        found = _fingerprint(getattr(self, "temp", ""))
        super().commit()
        if not isinstance(builtins.open, CapturedOpen):
            _record_end(self.temp, self.path, found)

    def discard(self) -> None:
        """Throw the file away."""
        found = _fingerprint(getattr(self, "temp", ""))
        super().discard()
        if not isinstance(builtins.open, CapturedOpen):
            _record_end(self.temp, None, found)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return _blank_opener, (), self.__getstate__()


_Opener.__name__ = _Opener.__qualname__ = "LocalFileOpener"
_Opener.__module__ = LocalFileOpener.__module__


def _blank_opener() -> LocalFileOpener:
    return _Opener.__new__(_Opener)


def _fingerprint(path: str) -> str | None:
    try:
        return fingerprint_text(stat_tuple(os.stat(path)))
    except OSError:
        return None


def _record_end(path: str, to: str | None, fingerprint: str | None) -> None:
    """Record that a temporary file was published or removed."""
    recorder = active()
    if recorder is None or fingerprint is None:
        return
    try:
        uri = uri_of_path(os.path.realpath(path))
        target = None if to is None else uri_of_path(os.path.realpath(to))
        if recorder.captures(target or uri):
            fields = {"id": recorder.next_id(), "uri": uri, "to": target, "at_ns": clock_ns()}
            kind = "remove" if to is None else "rename"
            recorder.emit(kind, {**fields, "fingerprint": fingerprint, "channel": CHANNEL})
    except Exception as error:  # noqa: BLE001 - capture never raises into the job
        recorder.trouble(error)


def _make_opener(recorder: Recorder) -> Opener:
    return Opener(recorder, io.open, CHANNEL, include_all=bool(recorder.settings.include))


def _own_open(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `_open` of a class that has its own: what it opens is opened again, to look on."""

    @wraps(original)
    def _open(self: Any, path: Any, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        handle = original(self, path, mode, *args, **kwargs)
        recorder = None if inside.get() else active()
        if recorder is None or isinstance(builtins.open, CapturedOpen):
            return handle
        try:
            if not _opener:
                _opener.append(_make_opener(recorder))
            if isinstance(handle, LocalFileOpener) and not isinstance(handle, _Opener):
                handle.f = _again(handle.f)
            elif (other := _again(handle)) is not handle:
                handle = other
            elif recorder.captures(uri := uri_of(self, path)):
                handle = follow(recorder, uri, mode, handle)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        return handle

    _open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return _open


def follow_opened(recorder: Recorder, handle: Any) -> None:
    """Let a `LocalFileOpener` that somebody else opened look on from where it stands."""
    file = handle.f
    position = file.tell()
    if not _opener:
        _opener.append(_make_opener(recorder))
    if position and "w" in file.mode:
        handle.f = _go_on(file)
    else:
        file.seek(0)
        handle.f = _again(file)
    handle.f.seek(position)


def _go_on(file: Any) -> Any:
    """Return another file for one that was opened empty and has been written since."""
    if type(file) not in {io.BufferedWriter, io.BufferedRandom} or not isinstance(file.name, str):
        return file
    file.flush()
    other = _opener[0].open(file.name, "r+b", -1, *_DEFAULTS)
    written = getattr(other.raw, "_capture", None)
    if written is not None:
        written.begun_before()
    other.__dict__.update(file.__dict__)
    file.close()
    return other


def _again(file: Any) -> Any:
    """Return another file like one that was just opened; that one where it is of another kind."""
    if type(file) not in {io.BufferedReader, io.BufferedWriter, io.BufferedRandom}:
        return file
    mode = file.mode.replace("x", "w")
    if not isinstance(file.name, str) or ("a" not in mode and file.tell()):
        return file
    other = _opener[0].open(file.name, mode if "b" in mode else f"{mode}b", -1, *_DEFAULTS)
    other.__dict__.update(file.__dict__)
    file.close()
    return other


_DEFAULTS = (None, None, None, True, None)
"""Arguments of `open` after its buffering."""


def local_open(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `_open` of a captured local filesystem."""
    if original is not LocalFileSystem._open:  # noqa: SLF001 - compared, not called
        return _own_open(original)

    @wraps(original)
    def _open(self: Any, path: Any, mode: str = "rb", block_size: Any = None, **kwargs: Any) -> Any:
        recorder = None if inside.get() else active()
        if recorder is None:
            return original(self, path, mode, block_size, **kwargs)
        if not _opener:
            _opener.append(_make_opener(recorder))
        if (
            type(path) is not str
            or path[:1] != "/"
            or path[-1:] == "/"
            or type(self)._provfs_bare._strip_protocol.__func__ is not _strip_protocol  # noqa: SLF001 - how fsspec itself names a file
        ):  # all others stay as they are, and asking costs as much as the open itself
            path = self._strip_protocol(path)
        if self.auto_mkdir and ("w" in mode or "x" in mode or "a" in mode):
            self.makedirs(self._parent(path), exist_ok=True)
        return _Opener(path, mode, fs=self, **kwargs)

    _open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return _open


def local_public_open(original: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the `open` of a captured local filesystem: the same, shorter where it is frequent.

    What `open` and `_open` of fsspec do to a clean absolute path, opened to read or to be written
    anew, comes down to making the handle. Source: `docs/decisions/0011-the-cost-of-an-open.md`.
    """
    if original is not AbstractFileSystem.open:
        return None

    @wraps(original)
    def open(  # noqa: A001 - its name
        self: Any,
        path: Any,
        mode: str = "rb",
        block_size: Any = None,
        cache_options: Any = None,
        compression: Any = None,
        **kwargs: Any,
    ) -> Any:
        if (
            (mode == "rb" or (mode == "wb" and not self.auto_mkdir and not self._intrans))
            and type(path) is str
            and path[:1] == "/"
            and path[-1:] != "/"
            and compression is None
            and not kwargs
            and _opener
            and _is_plain(type(self))
        ):
            return _Opener(path, mode, not self._intrans, self)
        return original(self, path, mode, block_size, cache_options, compression, **kwargs)

    open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return open


_plain: dict[type, bool] = {}


def _is_plain(cls: Any) -> bool:
    """Say whether a captured class opens files and names them as the local filesystem does."""
    found = _plain.get(cls)
    if found is None:
        bare = cls._provfs_bare
        opens, names = bare._open, bare._strip_protocol  # noqa: SLF001 - compared, not called
        plain = LocalFileSystem._open  # noqa: SLF001 - likewise
        found = _plain[cls] = opens is plain and names.__func__ is _strip_protocol
    return found
