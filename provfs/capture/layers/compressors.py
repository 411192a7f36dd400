"""Compressors over handles in memory: the version is complete when the compressor is closed.

Contract: the compressor keeps its class as far as `isinstance` goes. Not here: the handles below,
see `provfs.capture.operations.handles`.
"""

from __future__ import annotations

import io
from typing import Any

from provfs.capture.layers.foreign import bare_class, bare_method
from provfs.capture.operations.handles import class_like, safely, state_of_handle


def close_with(outer: Any, handle: Any) -> Any:
    """Let the end of a compressor be the end of the in-memory handle below, which it leaves open.

    Other handles close themselves when the compressor lets go of them; this one lives on in the
    store.
    """
    state = state_of_handle(handle) if isinstance(handle, io.BytesIO) else None
    if state is not None:
        safely(state, _tie, outer, handle)
    return outer


def _tie(outer: Any, handle: Any) -> None:
    try:
        outer.__class__ = class_like(type(outer), _OUTER)
        outer._provfs_below = handle  # noqa: SLF001 - our own mark on a handle
    except (TypeError, AttributeError):
        from weakref import finalize  # noqa: PLC0415 - only for compressors written in C

        finalize(outer, handle.close)


def _outer_close(self: Any) -> Any:
    below = self.__dict__.pop("_provfs_below", None)
    self.__class__ = bare_class(self)
    try:
        result = self.close()
    except BaseException:
        _abort(below)
        raise
    finally:
        if below is not None:
            below.close()
    return result


def _outer_exit(self: Any, kind: Any, error: Any, trace: Any) -> Any:
    if kind is not None:
        _abort(self.__dict__.get("_provfs_below"))
    return bare_method(self, "__exit__")(kind, error, trace)


def _abort(handle: Any) -> None:
    state = None if handle is None else state_of_handle(handle)
    if state is not None:
        state.aborted = True


_OUTER = {"close": _outer_close, "__exit__": _outer_exit}
