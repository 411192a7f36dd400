"""Follow handles that hold all of their content in memory, as those of `memory://` do.

Contract: such a handle can be the stored object itself, which closes nothing and is given to
everybody who opens it. A read is recorded when the handle is closed, opened again, dropped, or when
the process ends, with the ranges that were read; the digest is that of the whole content, which is
there. Not here: what such handles write, see `provfs.capture.operations.handles`.
"""

from __future__ import annotations

import io
from typing import Any
from weakref import WeakSet

from provfs.capture.execution import clock_ns
from provfs.capture.layers.foreign import PASSING, bare_class, bare_method
from provfs.capture.operations.records import CHANNEL
from provfs.digest import digest_of_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.operations.remote import RemoteHandle
    from provfs.capture.recorder import Recorder

_followed: WeakSet[Any] = WeakSet()
_settled_by: list[Recorder] = []


def follow_content(handle: Any, state: RemoteHandle, cls: type) -> None:
    """Let a handle tell of its reads; `cls` is its class that looks on.

    Raises:
        TypeError: The class of the handle cannot be replaced.
    """
    with handle.getbuffer() as content:
        state.size_bytes = content.nbytes
    handle.__class__ = cls
    handle._provfs_state = state  # noqa: SLF001 - our own mark on a handle
    _followed.add(handle)
    recorder = state.recorder
    if not _settled_by or _settled_by[0] is not recorder:
        recorder.begin()  # without it there is no end of which it would tell
        recorder.at_finish.append(_settle)
        _settled_by[:] = [recorder]


def looked_at(handle: io.BytesIO, state: RemoteHandle) -> io.BytesIO:
    """Return a handle in memory that can be followed, after a look at what it holds."""
    if state.appends:
        _record_prior(state, handle)
    if type(handle) is not io.BytesIO or state.writes:
        return handle
    state.size_bytes = len(handle.getbuffer())
    return _Content(handle.getvalue())


def record_content(state: RemoteHandle, handle: io.BytesIO) -> None:
    """Record that all was read, where nobody can look on."""
    with handle.getbuffer() as content:
        state.size_bytes = content.nbytes
        state.read(content, content.nbytes)
    state.finish_read()


def _record_prior(state: RemoteHandle, handle: io.BytesIO) -> None:
    """Record the version before an append or a change, which is there in memory."""
    with handle.getbuffer() as content:
        size, digest = content.nbytes, str(digest_of_bytes(content))
    if size:
        fields = {
            "opened_ns": state.opened_ns,
            "size_bytes": size,
            "digest": digest,
            "thread": state.thread,
            "channel": CHANNEL,
        }
        state.recorder.read_object(state.uri, None, fields)


class _Content(io.BytesIO):
    """What a filesystem gave as bytes of its own, in a class that can look on."""


_Content.__name__ = _Content.__qualname__ = "BytesIO"
_Content.__module__ = "_io"


def settle(handle: Any) -> None:
    """Record what a handle has read, if it was followed for that; it is an ordinary one then."""
    state = getattr(handle, "__dict__", {}).get("_provfs_state")
    if state is None or state.writes or handle not in _followed:
        return
    _followed.discard(handle)
    del handle.__dict__["_provfs_state"]
    handle.__class__ = type(handle)._provfs_bare  # noqa: SLF001 - our own mark on a class
    digest = None
    with handle.getbuffer() as content:
        if state.moved_bytes or not state.size_bytes:
            if content.nbytes == state.size_bytes:
                digest = state.digest(content.nbytes) or str(digest_of_bytes(content))
            state.finish_read(digest)


def ends(handle: Any) -> None:
    """Take note that the object of a handle is about to be removed; it can be read on."""
    state = getattr(handle, "__dict__", {}).get("_provfs_state")
    if state is not None and not state.writes and handle in _followed:
        state.ended_ns = clock_ns()


def _settle() -> None:
    for handle in list(_followed):
        settle(handle)


def _close(self: Any) -> Any:
    _settle_safely(self)
    return self.close()


def _settle_safely(handle: Any) -> None:
    state = handle.__dict__.get("_provfs_state")
    try:
        settle(handle)
    except Exception as error:  # noqa: BLE001 - capture never raises into the job
        state.recorder.trouble(error)
    handle.__class__ = bare_class(handle)


def _dropped(self: Any) -> None:
    _settle_safely(self)
    self.__del__()


def _all_of(name: str) -> Any:
    """Return a method that gives the whole content at once."""

    def method(self: Any) -> Any:
        content = bare_method(self, name)()
        state = self.__dict__.get("_provfs_state")
        if state is not None:
            position, state.position = state.position, 0
            state.read(content, len(content))
            state.position = position
        return content

    return method


def _size(self: Any) -> int:
    with bare_method(self, "getbuffer")() as content:
        size: int = content.nbytes
        return size


READING = {
    **{
        name: method
        for name, method in PASSING.items()
        if name not in {"write", "writelines", "truncate", "fileno"}
    },
    "getvalue": _all_of("getvalue"),
    "getbuffer": _all_of("getbuffer"),
    "size": property(_size),
    "close": _close,
    "__del__": _dropped,
}
"""What looks on at a handle in memory that was opened for reading, by name."""
