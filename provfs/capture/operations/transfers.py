"""Operations that move the content of a whole file: cat, pipe, get and put.

Contract: each is a (before, after, failed) for `wrapper.wrapped`. Not here: copies inside one
filesystem, see `provfs.capture.operations.moves`; local ones, see
`provfs.capture.operations.local`.
"""

from __future__ import annotations

import os
from typing import Any

from provfs.capture.operations.records import (
    argument,
    begin_write,
    local_state,
    record_read,
    record_write,
    uri_of,
    withdraw,
)
from provfs.digest import digest_of_bytes
from provfs.model import uri_of_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.operations.wrapper import Call


def _after_cat(call: Call, _: Any, data: Any) -> None:
    ranged = len(call.args) > 1 or any(
        call.kwargs.get(name) is not None for name in ("start", "end")
    )
    if not isinstance(data, (bytes, bytearray, memoryview)):
        return
    uri = uri_of(call.fs, argument(call, 0, "path"))
    digest = None if ranged else str(digest_of_bytes(data))
    size = None if ranged else len(data)
    record_read(
        call,
        uri,
        bytes=len(data),
        size_bytes=size,
        digest=digest,
        reason="read in part" if ranged else None,
    )


def _before_pipe(call: Call) -> tuple[int | None, str]:
    uri = uri_of(call.fs, argument(call, 0, "path"))
    return begin_write(call, uri), uri


def _after_pipe(call: Call, note: Any, _: Any) -> None:
    id_, uri = note
    value = argument(call, 1, "value", "data")
    if id_ is not None:
        size = memoryview(value).nbytes
        record_write(
            call, uri, id_, bytes=size, size_bytes=size, digest=str(digest_of_bytes(value))
        )


def _after_get(call: Call, _: Any, __: Any) -> None:
    source, target = argument(call, 0, "rpath"), argument(call, 1, "lpath")
    if not isinstance(target, (str, os.PathLike)):
        record_read(call, uri_of(call.fs, source), reason="copied into an open file")
        return
    path = os.path.realpath(target)
    if not os.path.isfile(path):
        return
    state = local_state(path)
    remote = {name: state.get(name) for name in ("size_bytes", "digest", "reason")}
    id_ = record_read(call, uri_of(call.fs, source), bytes=state.get("size_bytes"), **remote)
    record_write(call, uri_of_path(path), None, copy_of=id_, bytes=state.get("size_bytes"), **state)


def _before_put(call: Call) -> tuple[int | None, str, dict[str, Any]]:
    source, uri = argument(call, 0, "lpath"), uri_of(call.fs, argument(call, 1, "rpath"))
    is_file = isinstance(source, (str, os.PathLike)) and os.path.isfile(source)
    state = local_state(os.path.realpath(source)) if is_file else {}
    return (begin_write(call, uri) if is_file else None), uri, state


def _after_put(call: Call, note: Any, _: Any) -> None:
    id_, uri, state = note
    if not state:
        return
    source = os.path.realpath(argument(call, 0, "lpath"))
    read = record_read(call, uri_of_path(source), bytes=state["size_bytes"], **state)
    copied = {name: state[name] for name in ("size_bytes", "digest", "reason")}
    if id_ is not None:
        record_write(call, uri, id_, copy_of=read, bytes=state["size_bytes"], **copied)


STEPS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("cat_file", "_cat_file"), (None, _after_cat)),
    **dict.fromkeys(("pipe_file", "_pipe_file"), (_before_pipe, _after_pipe, withdraw)),
    **dict.fromkeys(("get_file", "_get_file"), (None, _after_get)),
    **dict.fromkeys(("put_file", "_put_file"), (_before_put, _after_put, withdraw)),
}
"""Method name -> what is done before it, after it and when it fails."""
