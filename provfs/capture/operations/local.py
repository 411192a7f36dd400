"""Whole-file operations of the local filesystem of fsspec: copies, moves, removals, `touch`.

Contract: each is a (before, after) for `wrapper.wrapped`. Under `provfs run` the local filesystem
needs none of this. Not here: handles, see `provfs.capture.operations.local_handles`.
"""

from __future__ import annotations

import os
from typing import Any

from provfs.capture.execution import clock_ns
from provfs.capture.layers.places import uri_of
from provfs.capture.layers.storages import aborting, is_cache_file
from provfs.capture.operations.records import (
    CHANNEL,
    argument,
    local_state,
    record_read,
    record_write,
)
from provfs.capture.operations.transfers import ranges_by_path
from provfs.capture.plain.state import SMALL_BYTES, fingerprint_text, stat_tuple
from provfs.model import uri_of_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.operations.wrapper import Call


def _state_before(call: Call) -> dict[str, Any]:
    path = os.path.realpath(call.fs._strip_protocol(argument(call, 0, "path1", "path")))  # noqa: SLF001 - how fsspec itself names a file
    return local_state(path) if os.path.isfile(path) else {}


def _after_copy(call: Call, state: Any, _: Any) -> None:
    source, target = argument(call, 0, "path1"), argument(call, 1, "path2")
    if not state:
        return
    read = None
    if not is_cache_file(os.path.realpath(call.fs._strip_protocol(source))):  # noqa: SLF001 - how fsspec itself names a file
        read = record_read(call, uri_of(call.fs, source), bytes=state["size_bytes"], **state)
    if not isinstance(target, (str, os.PathLike)):
        return
    path = os.path.realpath(call.fs._strip_protocol(target))  # noqa: SLF001 - how fsspec itself names a file
    if os.path.isfile(path) and not is_cache_file(path):
        written = {**local_state(path), "complete": False if aborting.get() else None}
        record_write(
            call, uri_of_path(path), None, copy_of=read, bytes=written.get("size_bytes"), **written
        )


def _files_below(call: Call) -> list[tuple[str, str, str | None]]:
    """Return (path as located, uri, fingerprint) of every regular file that is about to go."""
    paths = argument(call, 0, "path1", "path")
    found: list[tuple[str, str, str | None]] = []
    for item in paths if isinstance(paths, (list, tuple)) else [paths]:
        top = call.fs._strip_protocol(item).rstrip("/")  # noqa: SLF001 - how fsspec itself names a file
        names = [top]
        if os.path.isdir(top) and not os.path.islink(top):
            names = [
                f"{directory}/{name}" for directory, _, files in os.walk(top) for name in files
            ]
        for name in names:
            located = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
            if os.path.isfile(located) and not os.path.islink(located):
                found.append(
                    (name, uri_of_path(located), fingerprint_text(stat_tuple(os.stat(located))))
                )
    return found


def _after_remove(call: Call, note: Any, _: Any) -> None:
    for _name, uri, fingerprint in note:
        if call.recorder.captures(uri):
            fields = {
                "id": call.recorder.next_id(),
                "uri": uri,
                "at_ns": clock_ns(),
                "fingerprint": fingerprint,
            }
            call.recorder.emit("remove", {**fields, "channel": CHANNEL})


def _before_move(call: Call) -> tuple[list[tuple[str, str, str | None]], str, str]:
    source = call.fs._strip_protocol(argument(call, 0, "path1")).rstrip("/")  # noqa: SLF001 - how fsspec itself names a file
    target = call.fs._strip_protocol(argument(call, 1, "path2")).rstrip("/")  # noqa: SLF001 - how fsspec itself names a file
    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(source, target):
        return [], source, target
    if os.path.isdir(target):
        target = f"{target}/{os.path.basename(source)}"
    return _files_below(call), source, target


def _after_move(call: Call, note: Any, _: Any) -> None:
    files, source, target = note
    for name, uri, fingerprint in files:
        to = uri_of_path(os.path.realpath(target + name[len(source) :]))
        if call.recorder.captures(uri) or call.recorder.captures(to):
            fields = {
                "id": call.recorder.next_id(),
                "uri": uri,
                "to": to,
                "at_ns": clock_ns(),
                "fingerprint": fingerprint,
            }
            call.recorder.emit("rename", {**fields, "channel": CHANNEL})


def _before_touch(call: Call) -> tuple[int, ...] | None:
    try:
        return stat_tuple(os.stat(call.fs._strip_protocol(argument(call, 0, "path"))))  # noqa: SLF001 - how fsspec itself names a file
    except OSError:
        return None


def _after_touch(call: Call, before: Any, _: Any) -> None:
    path = os.path.realpath(call.fs._strip_protocol(argument(call, 0, "path")))  # noqa: SLF001 - how fsspec itself names a file
    found = stat_tuple(os.stat(path))
    if before is None or before[2] != found[2]:
        record_write(call, uri_of_path(path), None, bytes=0, **local_state(path))


def _after_cat_ranges(call: Call, _: Any, contents: Any) -> None:
    """Record one read of each file, with all its ranges; a small file is hashed."""
    for path, touched in ranges_by_path(call, contents).items():
        real = os.path.realpath(call.fs._strip_protocol(path))  # noqa: SLF001 - how fsspec itself names a file
        found = stat_tuple(os.stat(real))
        state: dict[str, Any] = {
            "size_bytes": found[2],
            "fingerprint": fingerprint_text(found),
            "reason": "read in part",
        }
        if found[2] <= SMALL_BYTES:
            state = local_state(real)
        record_read(call, uri_of_path(real), **touched, **state)


STEPS: dict[str, tuple[Any, ...]] = {
    "cp_file": (_state_before, _after_copy),
    "get_file": (_state_before, _after_copy),
    "put_file": (_state_before, _after_copy),
    "cat_ranges": (None, _after_cat_ranges),
    "mv": (_before_move, _after_move),
    "rm": (_files_below, _after_remove),
    "rm_file": (_files_below, _after_remove),
    "touch": (_before_touch, _after_touch),
}
