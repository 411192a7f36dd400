"""Which methods of a filesystem are captured, and the wrapper for each.

Contract: the same wrappers serve `provfs.wrap`, in a subclass, and `provfs run`, in place.
Not here: which classes get them, see `provfs.capture.filesystem` and
`provfs.capture.autoload.instrument`.
"""

from __future__ import annotations

import inspect
import io
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any

from fsspec.asyn import AsyncFileSystem
from fsspec.spec import AbstractFileSystem

from provfs.capture.active import active
from provfs.capture.execution import clock_ns
from provfs.capture.layers import archives, caches
from provfs.capture.layers.compressors import close_with
from provfs.capture.layers.places import ARCHIVE, CACHE, LOCAL, PASSING, PLAIN, kind_of, uri_of
from provfs.capture.operations import moves, telling, transfers
from provfs.capture.operations.handles import follow
from provfs.capture.operations.records import CHANNEL
from provfs.capture.operations.wrapper import wrapped
from provfs.capture.recorder import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


CAPTURED = "captured"
GROUPED = "grouped"
FORWARDED = "forwarded"
METHODS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("open", "_open", "open_async", "cat_ranges", "_cat_ranges"),
            *("cat_file", "_cat_file", "read_bytes", "pipe_file", "_pipe_file", "write_bytes"),
            *("get_file", "_get_file", "put_file", "_put_file", "cp_file", "_cp_file"),
            *(
                "mv",
                "_mv_file",
                "move",
                "rename",
                "rm_file",
                "_rm_file",
                "_rm",
                "_bulk_delete",
                "rm",
                "delete",
            ),
            *("touch", "_touch", "expand_path", "_expand_path", "merge", "_merge"),
        ),
        CAPTURED,
    ),
    **dict.fromkeys(
        (
            *("cat", "_cat", "pipe", "_pipe", "get", "_get", "download", "put", "_put", "upload"),
            *("copy", "_copy", "cp", "head", "tail", "read_block"),
            *("read_text", "write_text", "get_mapper"),
            *("start_transaction", "end_transaction", "transaction_type"),
        ),
        GROUPED,
    ),
    **dict.fromkeys(
        (
            *("checksum", "clear_instance_cache", "created", "current", "disk_usage", "du", "_du"),
            *("exists", "_exists", "find", "_find", "from_dict"),
            *("from_json", "glob", "_glob", "info", "_info", "invalidate_cache", "isdir", "_isdir"),
            *("isfile", "_isfile", "lexists", "listdir", "ls", "_ls", "makedir", "makedirs"),
            *("_makedirs", "mkdir", "_mkdir", "mkdirs", "modified", "_process_limits", "rmdir"),
            *("sign", "size", "_size", "sizes", "_sizes", "stat", "to_dict", "to_json", "tree"),
            *("ukey", "unstrip_protocol", "walk", "_walk"),
        ),
        FORWARDED,
    ),
}
"""Method name -> captured: has a wrapper, or is another name of one that has; grouped: comes down
to captured methods, once for each file; forwarded: moves no content.

`rm` and the transfers of the local filesystem are captured there only: elsewhere they come down to
the other methods. A new name that is missing here fails a test."""

_ALIASES = frozenset({"read_bytes", "write_bytes", "move", "rename", "delete"})
"""Methods of fsspec that call the one they are named for."""

INHERITED = ("mv", "open", "cat_ranges", "expand_path")
"""Methods of the base class of all filesystems that are captured in sync ones."""

PUBLIC = ("mv", "open")
"""Sync methods that are captured in async filesystems too, and where they are only inherited."""

_opened: ContextVar[list[Any] | None] = ContextVar("provfs_opened", default=None)


def captured_methods(cls: type) -> dict[str, Any]:
    """Return the wrappers for a subclass of a filesystem class, by method name."""
    kind = kind_of(cls)
    if kind == PASSING:
        return {}
    found: dict[str, Any] = {}
    for name in (*names_for(kind), *telling.NAMES):
        original: Any = getattr(cls, name, None)
        if not is_captured(cls, name, original):
            continue
        wrapper = wrapper_for(name, original, kind)
        if wrapper is not None:
            found[name] = wrapper
    return found


def names_for(kind: str) -> Iterable[str]:
    """Return the methods of a kind of filesystem that may get a wrapper."""
    return caches.NAMES if kind == CACHE else METHODS


def is_captured(cls: type, name: str, original: Any) -> bool:
    """Say whether a method of a filesystem class gets a wrapper, and has none yet."""
    if not inspect.isfunction(original) or hasattr(original, "__provfs_original__"):
        return False  # `provfs run` captures it in the class itself
    if kind_of(cls) == CACHE:
        return name in caches.NAMES
    if name in telling.NAMES:
        return kind_of(cls) == PLAIN and original is not AsyncFileSystem._info  # noqa: SLF001 - compared, not called
    if METHODS.get(name) != CAPTURED or name in _ALIASES:
        return False
    return not getattr(cls, "async_impl", False) or _is_called(cls, name, original)


def _is_called(cls: type, name: str, original: Callable[..., Any]) -> bool:
    """Say whether a method of an async filesystem is one that it calls to do the work."""
    if name == "_rm":  # else it is a group of other removals
        return original is not AsyncFileSystem._rm and not hasattr(cls, "_bulk_delete")  # noqa: SLF001 - what a class overrides
    return (
        name in PUBLIC
        or name == "open_async"
        or name.startswith("_")
        or _is_made_of_a_coroutine(original)
    )


def _is_made_of_a_coroutine(original: Callable[..., Any]) -> bool:
    """Say whether a class made this sync method of a coroutine, which it goes on to call itself."""
    return inspect.iscoroutinefunction(getattr(original, "__wrapped__", None))


def wrapper_for(name: str, original: Callable[..., Any], kind: str) -> Callable[..., Any] | None:
    """Return the wrapper around one method; None where this kind of filesystem needs none there."""
    if kind == CACHE:
        return caches.wrapper_for(name, original)
    if kind == LOCAL:
        if name == "_open":
            from provfs.capture.operations.local_handles import local_open  # noqa: PLC0415 - only with local filesystems

            return local_open(original)
        if name == "open":
            from provfs.capture.operations.local_handles import local_public_open  # noqa: PLC0415 - likewise

            return local_public_open(original)
        from provfs.capture.operations import local  # noqa: PLC0415 - only with local filesystems

        steps = local.STEPS.get(name)
    elif original is AbstractFileSystem.rm:
        return None  # it comes down to `rm_file`
    elif name in _WRAPPERS:
        return _WRAPPERS[name](original)
    elif original is AbstractFileSystem.touch:
        steps = None  # it opens to write
    else:
        steps = transfers.STEPS.get(name) or moves.STEPS.get(name)
    return None if steps is None else wrapped(original, *steps)


def _open_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def _open(self: Any, path: Any, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        recorder = None if inside.get() else active()
        if recorder is None:
            return original(self, path, mode, *args, **kwargs)
        with telling.listening() as notes:
            handle = original(self, path, mode, *args, **kwargs)
        if hasattr(handle, "read") or hasattr(handle, "write"):
            try:
                uri = uri_of(self, path)
                if recorder.captures(uri):
                    handle = follow(recorder, uri, mode, handle, notes)
                    if "r" in mode and kind_of(type(self)) == ARCHIVE:
                        now, thread = clock_ns(), recorder.thread_key()
                        archives.record_container(recorder, self, now, thread, CHANNEL)
                    if (opened := _opened.get()) is not None:
                        opened.append(handle)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                recorder.trouble(error)
        return handle

    _open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return _open


def _open_async_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    async def open_async(self: Any, path: Any, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        recorder = None if inside.get() else active()
        if recorder is None:
            return await original(self, path, mode, *args, **kwargs)
        with telling.listening() as notes:
            handle = await original(self, path, mode, *args, **kwargs)
        if isinstance(handle, io.IOBase):
            try:
                uri = uri_of(self, path)
                if recorder.captures(uri):
                    return follow(recorder, uri, mode, handle, notes)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                recorder.trouble(error)
        return handle

    open_async.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark
    return open_async


def _compressed_open_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `open` that knows when the compressor over a handle is closed."""

    @wraps(original)
    def open(self: Any, path: Any, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:  # noqa: A001 - its name
        if "b" not in mode or not (kwargs.get("compression") or len(args) > _COMPRESSION):
            return original(self, path, mode, *args, **kwargs)
        below: list[Any] = []
        token = _opened.set(below)
        try:
            outer = original(self, path, mode, *args, **kwargs)
        finally:
            _opened.reset(token)
        return close_with(outer, below[0]) if below and below[0] is not outer else outer

    open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return open


_COMPRESSION = 2
"""Place of `compression` among the arguments of `AbstractFileSystem.open` after path and mode."""


_WRAPPERS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "open": _compressed_open_wrapper,
    "_open": _open_wrapper,
    "open_async": _open_async_wrapper,
    "mv": moves.move_wrapper,
    "_mv_file": moves.single_move_wrapper,
    **dict.fromkeys(("rm", "_rm"), moves.removal_wrapper),
    **dict.fromkeys(("expand_path", "_expand_path"), moves.expansion_wrapper),
    **{name: partial(telling.wrapper_for, name) for name in telling.NAMES},
}
