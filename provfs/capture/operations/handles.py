"""Follow the handles of remote and in-memory filesystems: each gets a subclass of its own class.

Contract: the handle stays the same object of the same behaviour, `isinstance` holds, and what it
pickles to is the original class. Bytes are hashed at the handle, below text and compression.
Nothing here holds a strong reference to a filesystem. Where a class cannot be swapped, the access
is recorded without a digest. Not here: local files, see `provfs.capture.plain`; what opens
the handles, see `provfs.capture.operations.methods`.
"""

from __future__ import annotations

import io
import os
from typing import Any

from fsspec.asyn import AbstractAsyncStreamedFile
from fsspec.spec import AbstractBufferedFile

from provfs.capture.layers import contents, foreign
from provfs.capture.layers.foreign import bare_class, bare_method
from provfs.capture.layers.reading import follow_file
from provfs.capture.operations.records import CHANNEL
from provfs.capture.operations.remote import RemoteHandle
from provfs.capture.operations.telling import Answer, given, listening
from provfs.capture.recorder import Recorder, inside

_swapped: dict[tuple[type, int], type] = {}


def follow(
    recorder: Recorder, uri: str, mode: str, handle: Any, notes: list[Answer] | None = None
) -> Any:
    """Make a handle record what it does; returns the handle to give to the job.

    `notes` is what the storage told while it was opened.
    """
    contents.settle(handle)  # the same object is given to everybody who opens it
    if hasattr(type(handle), "_provfs_bare"):
        return handle
    if isinstance(handle, io.TextIOBase):
        return _follow_text(recorder, uri, mode, handle)
    if type(handle) is io.BufferedReader and os.path.isfile(handle.name):
        return follow_file(recorder, uri, handle, None)
    state = RemoteHandle(recorder, uri, mode, handle, notes)
    if state.writes and isinstance(handle, AbstractBufferedFile):
        state.catch_up(handle)
    if isinstance(handle, io.BytesIO):
        if type(handle) is not io.BytesIO and not state.writes:
            _follow_content(handle, state)
            return handle
        handle = contents.looked_at(handle, state)
    try:
        handle.__class__ = class_like(type(handle), _template_for(handle, state))
        handle._provfs_state = state  # noqa: SLF001 - our own mark on a handle
    except (TypeError, AttributeError):
        _record_unseen(state, type(handle).__name__)
    else:
        if "close" in handle.__dict__:
            _keep_own_close(handle)
    return handle


def _follow_content(handle: io.BytesIO, state: RemoteHandle) -> None:
    try:
        contents.follow_content(handle, state, class_like(type(handle), _CONTENT))
    except (TypeError, AttributeError):
        contents.record_content(state, handle)


def _template_for(handle: Any, state: RemoteHandle) -> dict[str, Any]:
    if isinstance(handle, AbstractAsyncStreamedFile):
        return _STREAMED
    if isinstance(handle, AbstractBufferedFile) and (state.writes or state.size_bytes is not None):
        return _BUFFERED
    return _MEMORY if isinstance(handle, io.BytesIO) and state.writes else _FOREIGN


def _follow_text(recorder: Recorder, uri: str, mode: str, handle: Any) -> Any:
    """Follow what lies below a text file that a filesystem gave; record an access otherwise."""
    below = getattr(handle, "buffer", None)
    if hasattr(type(below), "_provfs_bare") or getattr(
        getattr(below, "raw", None), "_capture", None
    ):
        return handle
    if not isinstance(below, _UNALTERABLE):
        follow(recorder, uri, mode, below)
    else:
        _record_unseen(RemoteHandle(recorder, uri, mode, below), type(handle).__name__)
    return handle


_UNALTERABLE = (io.BufferedReader, io.BufferedWriter, io.BufferedRandom, type(None))
"""What nobody can look on at in its place."""


def _keep_own_close(handle: Any) -> None:
    """Look on at a `close` that somebody put on the handle itself, as `blockcache` does."""
    own = handle.__dict__["close"]
    handle.close = lambda: _close(handle, own)


def _record_unseen(state: RemoteHandle, name: str) -> None:
    fields = {
        "id": state.id,
        "opened_ns": state.opened_ns,
        "size_bytes": state.size_bytes,
        "fingerprint": state.fingerprint,
        "reason": f"a {name} cannot be followed",
        "thread": state.thread,
        "channel": CHANNEL,
    }
    state.recorder.access("write" if state.writes else "read", state.uri, fields)


def state_of_handle(handle: Any) -> RemoteHandle | None:
    """Return what a followed handle has seen; None where it is not followed any more."""
    return handle.__dict__.get("_provfs_state")  # type: ignore[no-any-return] # a handle is untyped


def _take_state(handle: Any) -> RemoteHandle | None:
    """Return the state and detach it: the handle is an ordinary one from here on."""
    state = handle.__dict__.pop("_provfs_state", None)
    bare = getattr(type(handle), "_provfs_bare", None)
    if bare is not None:
        handle.__class__ = bare
    return state  # type: ignore[no-any-return] # a handle is untyped


def safely(state: RemoteHandle, action: Any, *args: Any, **kwargs: Any) -> None:
    """Do something for the record; what goes wrong in it is counted."""
    try:
        action(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - capture never raises into the job
        state.recorder.trouble(error)


def _buffered_read(self: Any, length: int = -1) -> Any:
    state = state_of_handle(self)
    before = self.loc
    token = inside.set(True)  # a block that a cache fetches is no read of the job
    try:
        data = bare_method(self, "read")(length)
    finally:
        inside.reset(token)
    if state is not None and data:
        state.position = before
        safely(state, state.read, data, len(data))
    return data


def _buffered_write(self: Any, data: Any) -> Any:
    state = state_of_handle(self)
    count = bare_method(self, "write")(data)
    if state is not None and count:
        safely(state, state.write, memoryview(data).cast("B")[:count], count)
    return count


async def _streamed_read(self: Any, length: int = -1) -> Any:
    state = state_of_handle(self)
    before = self.loc
    with listening() as notes:
        data = await bare_method(self, "read")(length)
    if state is not None and notes:
        state.fingerprint = given(notes)
    if state is not None and data:
        state.position = before
        if isinstance(self.size, int):
            state.size_bytes = self.size
        safely(state, state.read, data, len(data))
    return data


async def _streamed_write(self: Any, data: Any) -> Any:
    state = state_of_handle(self)
    count = await bare_method(self, "write")(data)
    if state is not None and count:
        safely(state, state.write, memoryview(data).cast("B")[:count], count)
    return count


async def _streamed_close(self: Any) -> Any:
    state = _take_state(self)
    if state is not None:
        state.closing()
    token = inside.set(True)
    complete = False
    try:
        result = await self.close()
        complete = state is None or not state.aborted
    finally:
        inside.reset(token)
        if state is not None and state.writes:
            safely(state, state.finish_write, complete=complete)
        elif state is not None:
            safely(state, state.finish_read)
    return result


def _close(self: Any, close: Any = None) -> Any:
    state = state_of_handle(self)
    close = close or bare_method(self, "close")
    was_closed = bool(getattr(self, "closed", False))
    if state is None or was_closed:
        return close()
    state.closing()
    token = inside.set(True)
    try:
        with listening() as notes:
            result = close()
    except BaseException:
        _take_state(self)
        if state.writes:
            safely(state, state.finish_write, complete=False)
        raise
    finally:
        inside.reset(token)
    if not state.writes:
        _take_state(self)
        safely(state, state.finish_read)
    elif getattr(self, "autocommit", True):
        _take_state(self)
        safely(state, state.finish_write, complete=not state.aborted, notes=notes)
    return result


def _finish(state: RemoteHandle) -> None:
    if state.writes:
        state.finish_write(complete=not state.aborted)
    else:
        state.finish_read()


def _dropped(self: Any) -> None:
    """Record what a handle saw that was never closed and has no end of its own."""
    state = self.__dict__.pop("_provfs_state", None)
    if state is not None:
        safely(state, _finish, state)


def _commit(self: Any) -> Any:
    state = state_of_handle(self)
    if getattr(self, "autocommit", True):
        return bare_method(self, "commit")()
    with listening() as notes:
        result = bare_method(self, "commit")()
    if state is not None and state.writes:
        _take_state(self)
        safely(state, state.finish_write, complete=True, notes=notes)
    return result


def _discard(self: Any) -> Any:
    state = _take_state(self)
    result = self.discard()
    if state is not None:
        safely(state, state.discard)
    return result


def _exit(self: Any, kind: Any, error: Any, trace: Any) -> Any:
    state = state_of_handle(self)
    if state is not None and kind is not None:
        state.aborted = True
    return bare_method(self, "__exit__")(kind, error, trace)


def _foreign_exit(self: Any, kind: Any, error: Any, trace: Any) -> Any:
    try:
        return _exit(self, kind, error, trace)
    finally:  # not every class closes itself by its `close` here
        state = _take_state(self)
        if state is not None:
            safely(state, _finish, state)


def _memory_close(self: Any) -> Any:
    if not _is_published(self):
        return bare_method(self, "close")()
    state = _take_state(self)
    if state is not None:
        state.closing()
    result = self.close()
    if state is not None:

        def finish() -> None:
            with self.getbuffer() as content:
                state.hashed, state.in_order, state.appends = 0, True, False
                state.position = 0
                state.hasher.reset()
                state.write(content, content.nbytes)
            state.finish_write(complete=not state.aborted)

        safely(state, finish)
    return result


def _is_published(handle: Any) -> bool:
    """Say whether an in-memory file is in its store, or was; in a transaction it is not yet."""
    if not getattr(getattr(handle, "fs", None), "_intrans", False):
        return True
    try:
        return handle.fs.store.get(handle.path) is handle
    except AttributeError:
        return True


def _memory_commit(self: Any) -> Any:
    result = bare_method(self, "commit")()
    _memory_close(self)
    return result


def _reduce_ex(self: Any, protocol: int) -> Any:
    bare = bare_class(self)
    state = self.__dict__.pop("_provfs_state", None)
    swapped = type(self)
    self.__class__ = bare
    try:
        return self.__reduce_ex__(protocol)
    finally:
        self.__class__ = swapped
        if state is not None:
            self._provfs_state = state


_BUFFERED = {
    "read": _buffered_read,
    "write": _buffered_write,
    "close": _close,
    "commit": _commit,
    "discard": _discard,
    "__exit__": _exit,
    "__reduce_ex__": _reduce_ex,
}
_STREAMED = {
    "read": _streamed_read,
    "write": _streamed_write,
    "close": _streamed_close,
    "__reduce_ex__": _reduce_ex,
}
_FOREIGN = {
    **foreign.PASSING,
    "close": _close,
    "commit": _commit,
    "discard": _discard,
    "__exit__": _foreign_exit,
    "__reduce_ex__": _reduce_ex,
}
_MEMORY = {
    "close": _memory_close,
    "commit": _memory_commit,
    "discard": _discard,
    "__exit__": _exit,
    "__reduce_ex__": _reduce_ex,
}


_CONTENT = {**contents.READING, "__reduce_ex__": _reduce_ex}


def class_like(cls: type, template: dict[str, Any]) -> type:
    """Return the subclass of a handle class that records, made once for each way to look on."""
    key = (cls, id(template))
    found = _swapped.get(key)
    if found is None:
        names = {
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
            "__doc__": cls.__doc__,
        }
        body = {name: method for name, method in template.items() if hasattr(cls, name)}
        if not hasattr(cls, "__del__"):
            body["__del__"] = template.get("__del__", _dropped)
        found = _swapped[key] = type(cls.__name__, (cls,), {**names, **body, "_provfs_bare": cls})
    return found
