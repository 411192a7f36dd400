"""Caches of fsspec: each read is one of the origin, whether the cache had it or fetched it.

Contract: what a cache stores on this machine stands in no record, neither when it is filled, nor
when it is read, nor when a file that was written there goes up. Writes are recorded by the target,
to which they come down. Not here: the local files themselves, see `provfs.capture.layers.reading`.
"""

from __future__ import annotations

import io
import os
from functools import wraps
from typing import Any

from provfs.capture.active import active
from provfs.capture.execution import clock_ns
from provfs.capture.layers.foreign import bare_method
from provfs.capture.layers.places import state_of, uri_of
from provfs.capture.layers.reading import copy_text
from provfs.capture.layers.storages import aborting, handling, remember_storage
from provfs.capture.operations.records import CHANNEL, argument, local_state, record_read
from provfs.capture.operations.transfers import after_cat_ranges
from provfs.capture.operations.wrapper import wrapped
from provfs.capture.plain.state import stat_tuple
from provfs.capture.recorder import Recorder, inside
from provfs.digest import digest_of_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from provfs.capture.operations.wrapper import Call

QUIET = ("load_cache", "save_cache", "clear_cache", "clear_expired_cache", "pop_from_cache")
"""Methods that only keep the cache in order."""

_ALTERED = "the cache holds it decompressed"


def wrapper_for(name: str, original: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the wrapper around one method of a cache; None where it needs none."""
    if name in QUIET:
        return _quiet(original)
    if name == "_open":
        return _open_wrapper(original)
    if name == "open_many":
        return _open_many_wrapper(original)
    return wrapped(original, *_STEPS[name]) if name in _STEPS else None


def _altered(fs: Any) -> str | None:
    return _ALTERED if state_of(fs).get("compression") else None


def _quiet(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        if recorder is None:
            return original(self, *args, **kwargs)
        token = inside.set(True)
        recorder.mute()
        try:
            return original(self, *args, **kwargs)
        finally:
            recorder.unmute()
            inside.reset(token)

    method.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return method


def _open_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    quiet = _quiet(original)

    @wraps(original)
    def _open(self: Any, path: Any, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        recorder = None if inside.get() else active()
        if recorder is None or ("r" not in mode and not _is_whole(self)):
            return original(self, path, mode, *args, **kwargs)
        handle = quiet(self, path, mode, *args, **kwargs)
        try:
            return _follow(recorder, self, path, mode, handle)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        return handle

    _open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return _open


def _is_whole(fs: Any) -> bool:
    """Say whether a cache holds whole files, and not blocks of them."""
    return hasattr(type(fs), "open_many")


def _open_many_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    quiet = _quiet(original)

    @wraps(original)
    def open_many(self: Any, open_files: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = None if inside.get() else active()
        if recorder is None:
            return original(self, open_files, *args, **kwargs)
        handles = quiet(self, open_files, *args, **kwargs)
        try:
            return [
                _follow(recorder, self, file.path, open_files.mode, handle, named=True)
                for file, handle in zip(open_files, handles, strict=True)
            ]
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        return handles

    open_many.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark
    return open_many


def _follow(
    recorder: Recorder, fs: Any, path: Any, mode: str, handle: Any, *, named: bool = False
) -> Any:
    """Return the handle that a cache gave, made to tell of the origin."""
    remember_storage(fs)
    uri = uri_of(fs, path)
    if not recorder.captures(uri):
        return handle
    if type(handle) is io.BufferedReader:
        from provfs.capture.layers.reading import follow_file  # noqa: PLC0415 - only on a hit

        return follow_file(recorder, uri, handle, _altered(fs), kept=True, named=named)
    if not _is_whole(fs):
        from provfs.capture.operations.handles import follow, state_of_handle  # noqa: PLC0415 - only of blocks

        handle = follow(recorder, uri, mode, handle)
        if _may_be_older(fs, path, handle) and (seen := state_of_handle(handle)) is not None:
            seen.fingerprint = None
        return handle
    if not hasattr(handle, "fn"):
        return handle  # fsspec of 2025 changes the file of the cache, and uploads nothing
    if "+" in mode or "a" in mode:
        state = local_state(handle.fn)
        if state.get("size_bytes"):
            _record_prior(recorder, uri, state)
    _mark(handle)
    return handle


def _record_prior(recorder: Recorder, uri: str, state: dict[str, Any]) -> None:
    """Record that a version came down to be changed."""
    fields = {name: state.get(name) for name in ("size_bytes", "digest", "reason")}
    now = {"opened_ns": clock_ns(), "thread": recorder.thread_key(), "channel": CHANNEL}
    recorder.read_object(uri, None, {**fields, **now})


def _mark(handle: Any) -> None:
    """Let a file that goes up when it is closed say whether its writer failed."""
    handle._provfs_handling = handling()  # noqa: SLF001 - our own mark on a handle
    cls = type(handle)
    if not hasattr(cls, "commit") or hasattr(cls, "_provfs_bare"):
        return
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    marked = _marked.get(cls)
    if marked is None:
        body = {**names, "close": _close, "_provfs_bare": cls}
        marked = _marked[cls] = type(cls.__name__, (cls,), body)
    handle.__class__ = marked


_marked: dict[type, type] = {}


def _close(self: Any) -> Any:
    failed = handling() not in {None, self.__dict__.get("_provfs_handling")}
    token = aborting.set(failed)
    try:
        return bare_method(self, "close")()
    finally:
        aborting.reset(token)


def _may_be_older(fs: Any, path: Any, handle: Any) -> bool:
    """Say whether blocks that a cache has may be of an older version than the handle names."""
    path = fs._strip_protocol(path)  # noqa: SLF001 - how fsspec itself names a file
    kept = getattr(state_of(fs).get("_metadata"), "cached_files", ())
    entry = next((entries[path] for entries in kept if path in entries), None)
    if entry is None:
        return False
    changed: Any = (getattr(handle, "_details", None) or {}).get("LastModified")
    return not hasattr(changed, "timestamp") or bool(changed.timestamp() >= entry["time"] - 1)


def _copy_state(fs: Any, path: Any) -> str | None:
    """Return the state of the copy that a cache of whole files keeps; None where there is none."""
    state = state_of(fs)
    name = state["_mapper"](fs._strip_protocol(path))  # noqa: SLF001 - how fsspec itself names a file
    for storage in state.get("storage") or ():
        try:
            return copy_text(stat_tuple(os.stat(os.path.join(storage, name))))
        except OSError:
            continue
    return None


def _record_whole(call: Call, path: Any, data: Any) -> None:
    altered = _altered(call.fs)
    fields: dict[str, Any] = {"reason": altered}
    if altered is None:
        fields = {"bytes": len(data), "size_bytes": len(data)}
        if _is_whole(call.fs):
            fields["fingerprint"] = _copy_state(call.fs, path)
        fields["digest"] = str(digest_of_bytes(data))
    record_read(call, uri_of(call.fs, path), **fields)


def _after_cat(call: Call, _: Any, found: Any) -> None:
    """Record one read of each file whose content was returned."""
    contents = found if isinstance(found, dict) else {argument(call, 0, "path"): found}
    for path, data in contents.items():
        if isinstance(data, bytes):
            _record_whole(call, path[0] if isinstance(path, list) else path, data)


def _after_cat_file(call: Call, _: Any, data: Any) -> None:
    if call.kwargs.get("start") or call.kwargs.get("end") or len(call.args) > 1:
        record_read(call, uri_of(call.fs, argument(call, 0, "path")), reason="read in part")
    else:
        _record_whole(call, argument(call, 0, "path"), data)


_STEPS: dict[str, tuple[Any, ...]] = {
    "cat": (None, _after_cat),
    "_cat_file": (None, _after_cat_file),
    **dict.fromkeys(("cat_ranges", "_cat_ranges"), (None, after_cat_ranges)),
}
NAMES = (*QUIET, "_open", "open_many", *_STEPS)
"""Methods of a cache that are captured."""
