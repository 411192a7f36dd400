"""Which methods of a filesystem are captured, and the wrapper for each.

Contract: the same wrappers serve `provfs.wrap`, in a subclass, and `provfs run`, in place.
Not here: which classes get them, see `provfs.capture.filesystem` and
`provfs.capture.autoload.instrument`.
"""

from __future__ import annotations

import inspect
import io
from contextvars import ContextVar
from functools import wraps
from typing import Any

from provfs.capture.active import active
from provfs.capture.operations import moves, transfers
from provfs.capture.operations.handles import close_with, follow
from provfs.capture.operations.records import uri_of
from provfs.capture.operations.wrapper import wrapped
from provfs.capture.recorder import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


CAPTURED = "captured"
FORWARDED = "forwarded"
METHODS: dict[str, str] = dict.fromkeys(
    (
        "open",
        "_open",
        "cat_file",
        "_cat_file",
        "pipe_file",
        "_pipe_file",
        "get_file",
        "_get_file",
        "put_file",
        "_put_file",
        "cp_file",
        "_cp_file",
        "mv",
        "rm_file",
        "_rm_file",
        "_rm",
        "rm",
        "touch",
    ),
    CAPTURED,
)
"""Method name -> whether it is captured or forwarded; a name that is missing is forwarded.

`rm`, `touch` and the transfers of the local filesystem are captured there only: elsewhere they come
down to the other methods."""


PUBLIC = ("mv", "open")
"""Sync methods that are captured in async filesystems too, and where they are only inherited."""

_opened: ContextVar[list[Any] | None] = ContextVar("provfs_opened", default=None)


def captured_methods(cls: type) -> dict[str, Any]:
    """Return the wrappers for a subclass of a filesystem class, by method name."""
    is_local = bool(getattr(cls, "local_file", False))
    is_async = bool(getattr(cls, "async_impl", False))
    found: dict[str, Any] = {}
    for name in METHODS:
        original = getattr(cls, name, None)
        if original is None or not inspect.isfunction(original):
            continue
        if is_async and name not in PUBLIC and not name.startswith("_"):
            continue
        wrapper = wrapper_for(name, original, is_local=is_local)
        if wrapper is not None:
            found[name] = wrapper
    return found


def wrapper_for(
    name: str, original: Callable[..., Any], *, is_local: bool
) -> Callable[..., Any] | None:
    """Return the wrapper around one method; None where this kind of filesystem needs none there."""
    if is_local:
        if name == "_open":
            from provfs.capture.operations.local_handles import local_open  # noqa: PLC0415 - only with local filesystems

            return local_open(original)
        from provfs.capture.operations.local import LOCAL  # noqa: PLC0415 - only with local filesystems

        steps = LOCAL.get(name)
    elif name == "open":
        return _compressed_open_wrapper(original)
    elif name == "_open":
        return _open_wrapper(original)
    elif name == "mv":
        return moves.move_wrapper(original)
    else:
        steps = transfers.STEPS.get(name) or moves.STEPS.get(name)
    return None if steps is None else wrapped(original, *steps)


def _open_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def _open(self: Any, path: Any, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        handle = original(self, path, mode, *args, **kwargs)
        recorder = None if inside.get() else active()
        if recorder is not None and isinstance(handle, io.IOBase):
            try:
                uri = uri_of(self, path)
                if recorder.captures(uri):
                    handle = follow(recorder, uri, mode, handle)
                    if (opened := _opened.get()) is not None:
                        opened.append(handle)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                recorder.trouble(error)
        return handle

    _open.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return _open


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
