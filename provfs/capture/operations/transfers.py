"""Operations that move the content of a whole file: cat, pipe, get and put.

Contract: each is a (before, after, failed) for `wrapper.wrapped`. Not here: copies inside one
filesystem, see `provfs.capture.operations.moves`; local ones, see
`provfs.capture.operations.local`.
"""

from __future__ import annotations

import inspect
import os
from typing import Any

from provfs.capture.layers.places import uri_of
from provfs.capture.layers.storages import aborting, is_cache_file
from provfs.capture.operations.records import (
    argument,
    begin_write,
    local_state,
    record_read,
    record_write,
    withdraw,
)
from provfs.capture.operations.telling import given, stored
from provfs.capture.plain.content import merge_range
from provfs.digest import digest_of_bytes
from provfs.model import uri_of_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.operations.wrapper import Call


def _limits(call: Call) -> dict[str, Any]:
    """Return start and end of a `cat_file`; the place of each is for the filesystem to say."""
    names = dict(call.kwargs)
    if len(call.args) > 1:
        method = getattr(type(call.fs), "cat_file" if not call.fs.async_impl else "_cat_file")
        names.update(zip(list(inspect.signature(method).parameters)[1:], call.args, strict=False))
    found = {name: names.get(name) for name in ("start", "end") if names.get(name) is not None}
    return {} if found == {"start": 0} else found


def _range(fs: Any, path: Any, start: int | None, count: int) -> tuple[int, int] | None:
    """Return the range of `count` bytes read; None where it was counted from an unknown end."""
    first = 0 if start is None else int(start)  # an integer of NumPy may be too small for the end
    if first < 0:
        size = _size_without_request(fs, path)
        if size is None:
            return None
        first = max(0, size + first)
    return first, first + count


def _size_without_request(fs: Any, path: Any) -> int | None:
    """Return the size of an object, where the filesystem has it at hand."""
    path = fs._strip_protocol(path)  # noqa: SLF001 - how fsspec itself names a file
    store = getattr(fs, "store", None)
    if isinstance(store, dict) and path in store:
        return len(store[path].getbuffer())
    try:
        entries = fs._ls_from_cache(path) or ()  # noqa: SLF001 - it asks nobody
    except FileNotFoundError:
        return None
    return next((entry["size"] for entry in entries if entry["name"] == path), None)


def _after_cat(call: Call, _: Any, data: Any) -> None:
    limits = _limits(call)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        return
    uri = uri_of(call.fs, argument(call, 0, "path"))
    if limits:
        touched = _range(call.fs, argument(call, 0, "path"), limits.get("start"), len(data))
        ranges = None if touched is None else (touched,)
        fields = {"bytes": len(data), "ranges": ranges, "reason": "read in part"}
    else:
        digest = str(digest_of_bytes(data))
        fields = {"bytes": len(data), "size_bytes": len(data), "digest": digest}
    record_read(call, uri, fingerprint=given(call.told), **fields)


def ranges_by_path(call: Call, contents: Any) -> dict[Any, dict[str, Any]]:
    """Return bytes and ranges for each path that a `cat_ranges` read."""
    paths, starts = argument(call, 0, "paths"), argument(call, 1, "starts")
    if not hasattr(starts, "__iter__"):
        starts = [starts] * len(paths)
    read: dict[Any, tuple[list[int], list[tuple[int, int]], list[None]]] = {}
    for path, start, data in zip(paths, starts, contents, strict=False):
        if isinstance(data, (bytes, bytearray, memoryview)):
            counts, ranges, unknown = read.setdefault(path, ([], [], []))
            counts.append(len(data))
            if (touched := _range(call.fs, path, start, len(data))) is None:
                unknown.append(None)
            elif data:
                merge_range(ranges, *touched)
    return {
        path: {"bytes": sum(counts), "ranges": None if unknown or not ranges else tuple(ranges)}
        for path, (counts, ranges, unknown) in read.items()
    }


def after_cat_ranges(call: Call, _: Any, contents: Any) -> None:
    """Record one read of each object, with all its ranges."""
    for path, touched in ranges_by_path(call, contents).items():
        state = given(call.told, call.fs._strip_protocol(path)) if call.told else None  # noqa: SLF001 - how fsspec itself names a file
        record_read(
            call, uri_of(call.fs, path), fingerprint=state, **touched, reason="read in part"
        )


def _after_touch(call: Call, _: Any, __: Any) -> None:
    if argument(call, 1, "truncate") is not False:
        content = argument(call, 2, "data") or b""
        size = len(content)
        fields = {"bytes": size, "size_bytes": size, "digest": str(digest_of_bytes(content))}
        fields["fingerprint"] = stored(call.told)
        record_write(call, uri_of(call.fs, argument(call, 0, "path")), None, **fields)


def _before_pipe(call: Call) -> tuple[int | None, str]:
    uri = uri_of(call.fs, argument(call, 0, "path"))
    return begin_write(call, uri), uri


def _after_pipe(call: Call, note: Any, _: Any) -> None:
    id_, uri = note
    value = argument(call, 1, "value", "data")
    if id_ is not None:
        size = memoryview(value).nbytes
        fields = {"bytes": size, "size_bytes": size, "digest": str(digest_of_bytes(value))}
        record_write(call, uri, id_, fingerprint=stored(call.told), **fields)


def _after_get(call: Call, _: Any, __: Any) -> None:
    source, target = argument(call, 0, "rpath"), argument(call, 1, "lpath")
    if not isinstance(target, (str, os.PathLike)):
        reason = "copied into an open file"
        record_read(call, uri_of(call.fs, source), fingerprint=given(call.told), reason=reason)
        return
    path = os.path.realpath(target)
    if not os.path.isfile(path):
        return
    state = local_state(path)
    remote = {name: state.get(name) for name in ("size_bytes", "digest", "reason")}
    remote["fingerprint"] = given(call.told)
    id_ = record_read(call, uri_of(call.fs, source), bytes=state.get("size_bytes"), **remote)
    if is_cache_file(path):
        return
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
    read = None
    if not is_cache_file(source):
        read = record_read(call, uri_of_path(source), bytes=state["size_bytes"], **state)
    copied = {name: state[name] for name in ("size_bytes", "digest", "reason")}
    if id_ is not None:
        copied["complete"] = False if aborting.get() else None
        copied["fingerprint"] = stored(call.told)
        record_write(call, uri, id_, copy_of=read, bytes=state["size_bytes"], **copied)


STEPS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("cat_file", "_cat_file"), (None, _after_cat)),
    **dict.fromkeys(("cat_ranges", "_cat_ranges"), (None, after_cat_ranges)),
    **dict.fromkeys(("touch", "_touch"), (None, _after_touch)),
    **dict.fromkeys(("pipe_file", "_pipe_file"), (_before_pipe, _after_pipe, withdraw)),
    **dict.fromkeys(("get_file", "_get_file"), (None, _after_get)),
    **dict.fromkeys(("put_file", "_put_file"), (_before_put, _after_put, withdraw)),
}
"""Method name -> what is done before it, after it and when it fails."""
