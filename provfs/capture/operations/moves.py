"""Operations inside one filesystem: copies, removals, and `mv`, which consists of both.

Contract: `mv` records one rename for every file that was copied and then removed, and nothing of
its parts. Not here: local files, see `provfs.capture.operations.local`.
"""

from __future__ import annotations

import inspect
import io
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any

from provfs.capture.active import active
from provfs.capture.execution import clock_ns
from provfs.capture.layers import contents
from provfs.capture.layers.places import uri_of
from provfs.capture.operations.records import (
    CHANNEL,
    argument,
    record_read,
    record_write,
)
from provfs.capture.operations.telling import stored
from provfs.capture.recorder import Recorder, inside
from provfs.digest import digest_of_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provfs.capture.operations.wrapper import Call


_moves: ContextVar[list[tuple[str, str]] | None] = ContextVar("provfs_moves", default=None)


_removals: ContextVar[_Removal | None] = ContextVar("provfs_removals", default=None)


def _after_copy(call: Call, _: Any, __: Any) -> None:
    source, target = argument(call, 0, "path1", "url"), argument(call, 1, "path2", "url2")
    pairs = _moves.get()
    if pairs is not None:
        if _is_directory_in_store(call.fs, target):
            return
        pairs.append((uri_of(call.fs, source), uri_of(call.fs, target)))
        return
    state = _content_in_store(call.fs, target)
    if state is None:
        return
    id_ = record_read(call, uri_of(call.fs, source), **state)
    state["fingerprint"] = stored(call.told)
    record_write(call, uri_of(call.fs, target), None, copy_of=id_, **state)


_UNSEEN = "copied inside the storage; its content was not seen"


def _content_in_store(fs: Any, path: Any) -> dict[str, Any] | None:
    """Return size and digest of what lies in memory, else a reason; None for a directory."""
    store = getattr(fs, "store", None)
    if isinstance(store, dict):
        stored = store.get(fs._strip_protocol(path))  # noqa: SLF001 - how fsspec itself names a file
        if not isinstance(stored, io.BytesIO):
            return None
        with stored.getbuffer() as content:
            return {"size_bytes": content.nbytes, "digest": str(digest_of_bytes(content))}
    return {"reason": _UNSEEN}


def _is_directory_in_store(fs: Any, path: Any) -> bool:
    """Say whether an in-memory filesystem has a directory there; False for all others."""
    store = getattr(fs, "store", None)
    return isinstance(store, dict) and fs._strip_protocol(path) not in store  # noqa: SLF001 - see `uri_of`


def _after_bulk_removal(call: Call, _: Any, __: Any) -> None:
    paths = argument(call, 0, "pathlist", "paths") or ()
    removal = _Removal()
    removal.expanded = list(paths)
    if _moves.get() is None and paths:
        removal.record(call.recorder, call.fs, [])


def _ends_of_parents(path: str) -> list[int]:
    return [index for index, letter in enumerate(path) if letter == "/"]


def _before_remove(call: Call) -> None:
    path, store = argument(call, 0, "path"), getattr(call.fs, "store", None)
    if isinstance(store, dict) and isinstance(path, str):
        contents.ends(store.get(call.fs._strip_protocol(path)))  # noqa: SLF001 - how fsspec itself names a file


def _after_merge(call: Call, _: Any, __: Any) -> None:
    """Record that an object was put together from others, inside the storage."""
    state = {"reason": _UNSEEN}
    for source in argument(call, 1, "filelist", "paths"):
        record_read(call, uri_of(call.fs, source), **state)
    target = uri_of(call.fs, argument(call, 0, "path"))
    record_write(call, target, None, fingerprint=stored(call.told), **state)


def _after_remove(call: Call, _: Any, __: Any) -> None:
    path = argument(call, 0, "path")
    if _moves.get() is not None or not isinstance(path, str) or "*" in path:
        return
    if (removal := _removals.get()) is not None:
        removal.leaves += 1
    _record_removal(call.recorder, uri_of(call.fs, path))


def _record_removal(recorder: Recorder, uri: str) -> None:
    if recorder.captures(uri):
        fields = {"id": recorder.next_id(), "uri": uri, "at_ns": clock_ns(), "channel": CHANNEL}
        recorder.emit("remove", fields)


class _Removal:
    """One `rm` under way: the names that it expanded to, and how many files it was seen to remove.

    A filesystem that removes in bulk asks what there is, and then hands the names to its storage.
    """

    __slots__ = ("expanded", "leaves")

    def __init__(self) -> None:
        self.expanded: list[str] = []
        self.leaves = 0

    def record(self, recorder: Recorder, fs: Any, asked: Any) -> None:
        """Record what went in bulk; a name with others below it is a directory."""
        if self.leaves:
            return
        paths = self.expanded or (asked if isinstance(asked, list) else [asked])
        directories = {path[:end] for path in paths for end in _ends_of_parents(path)}
        for path in sorted(set(paths) - directories):
            if not path.endswith("/") and "*" not in path:
                _record_removal(recorder, uri_of(fs, path))


def removal_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `rm` or `_rm` that records each file once, however the filesystem removes it."""

    def begin() -> tuple[Recorder | None, _Removal, Token[_Removal | None]]:
        inner = inside.get() or _moves.get() is not None or _removals.get() is not None
        removal = _Removal()
        return None if inner else active(), removal, _removals.set(removal)

    def end(recorder: Recorder, removal: _Removal, fs: Any, args: Any, kwargs: Any) -> None:
        try:
            removal.record(recorder, fs, args[0] if args else kwargs.get("path"))
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)

    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def rm(self: Any, *args: Any, **kwargs: Any) -> Any:
            recorder, removal, token = begin()
            try:
                result = await original(self, *args, **kwargs)
            finally:
                _removals.reset(token)
            if recorder is not None:
                end(recorder, removal, self, args, kwargs)
            return result

    else:

        @wraps(original)
        def rm(self: Any, *args: Any, **kwargs: Any) -> Any:
            recorder, removal, token = begin()
            try:
                result = original(self, *args, **kwargs)
            finally:
                _removals.reset(token)
            if recorder is not None:
                end(recorder, removal, self, args, kwargs)
            return result

    rm.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return rm


def expansion_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `expand_path` that tells the `rm` that called it, if one did."""
    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def expand_path(self: Any, *args: Any, **kwargs: Any) -> Any:
            found = await original(self, *args, **kwargs)
            if (removal := _removals.get()) is not None:
                removal.expanded = list(found)
            return found

    else:

        @wraps(original)
        def expand_path(self: Any, *args: Any, **kwargs: Any) -> Any:
            found = original(self, *args, **kwargs)
            if (removal := _removals.get()) is not None:
                removal.expanded = list(found)
            return found

    expand_path.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark
    return expand_path


@contextmanager
def _moving(
    recorder: Recorder, otherwise: Callable[[], list[tuple[str, str]]] = list
) -> Iterator[None]:
    """Collect what is moved inside, and record it, or leave that to the move around this one.

    `otherwise` gives (uri, new uri) of what a success has moved where nothing was seen of it.
    """
    outer = _moves.get()
    pairs: list[tuple[str, str]] = []
    token = _moves.set(pairs)
    ok = False
    try:
        yield
        ok = True
    finally:
        _moves.reset(token)
        try:
            if ok and not pairs:
                pairs = otherwise()
            if outer is not None:
                outer += pairs
            for uri, to in pairs if outer is None else ():
                _record_move(recorder, uri, to, ok=ok)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)


def move_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `mv` that records one rename for every file that was copied and then removed."""

    @wraps(original)
    def mv(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = None if inside.get() or _moves.get() is not None else active()
        if recorder is None:
            return original(self, *args, **kwargs)
        with _moving(recorder):
            return original(self, *args, **kwargs)

    mv.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return mv


def single_move_wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `_mv_file` that is one rename, also where the storage has an operation for it."""

    @wraps(original)
    async def _mv_file(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = None if inside.get() else active()
        if recorder is None:
            return await original(self, *args, **kwargs)
        with _moving(recorder, lambda: [(uri_of(self, args[0]), uri_of(self, args[1]))]):
            return await original(self, *args, **kwargs)

    _mv_file.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark
    return _mv_file


def _record_move(recorder: Recorder, uri: str, to: str, *, ok: bool) -> None:
    if not (recorder.captures(uri) or recorder.captures(to)):
        return
    if ok:
        fields = {
            "id": recorder.next_id(),
            "uri": uri,
            "to": to,
            "at_ns": clock_ns(),
            "channel": CHANNEL,
        }
        recorder.emit("rename", fields)
    else:
        recorder.gap("move-interrupted", f"{uri} to {to}", CHANNEL)


STEPS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("cp_file", "_cp_file"), (None, _after_copy)),
    **dict.fromkeys(("rm_file", "_rm_file"), (_before_remove, _after_remove)),
    **dict.fromkeys(("merge", "_merge"), (None, _after_merge)),
    "_bulk_delete": (None, _after_bulk_removal),
}
"""Method name -> what is done before it and after it."""
