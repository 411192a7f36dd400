"""Follow handles of classes that nobody here has met: members of archives, other storages' files.

Contract: the methods in which bytes pass are looked at from outside, and only at the outermost of
nested ones, since a class may build any of them on any other. Content is hashed while it passes in
order; the end is known where the handle names its size or has once read nothing more. Not here: the
classes that fsspec itself builds on, see `provfs.capture.operations.handles`.
"""

from __future__ import annotations

from functools import partialmethod
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.operations.remote import RemoteHandle

_nested: set[int] = set()
"""Identities of the handles of which a method is running; the others that it calls are its own."""


def bare_class(handle: Any) -> Any:
    """Return the class that a handle had, or has again: a `with` keeps the method that it found."""
    return getattr(type(handle), "_provfs_bare", type(handle))


def bare_method(handle: Any, name: str) -> Any:
    """Return a method of a handle as its class has it, which may be a property that gives one."""
    cls = type(handle)
    return getattr(super(cls, handle) if "_provfs_bare" in vars(cls) else handle, name)


def _state(handle: Any) -> RemoteHandle | None:
    return handle.__dict__.get("_provfs_state")  # type: ignore[no-any-return] # a handle is untyped


def _passing(self: Any, *args: Any, _name: str, **kwargs: Any) -> Any:
    """Run one method, and look at what passed."""
    bare = bare_method(self, _name)
    state = _state(self)
    if state is None or id(self) in _nested:
        return bare(*args, **kwargs)
    _nested.add(id(self))
    try:
        result = bare(*args, **kwargs)
    except StopIteration:
        _look(state, _ended, state)
        raise
    finally:
        _nested.discard(id(self))
    _look(state, _MEASURES[_name], state, args, result)
    return result


def _look(state: RemoteHandle, action: Any, *args: Any) -> None:
    try:
        action(*args)
    except Exception as error:  # noqa: BLE001 - capture never raises into the job
        state.in_order = False
        state.recorder.trouble(error)


def _ended(state: RemoteHandle) -> None:
    if state.size_bytes is None and not state.writes and state.hashed == state.position:
        state.size_bytes = state.position


def _after_read(state: RemoteHandle, args: tuple[Any, ...], data: Any) -> None:
    limit = args[0] if args else -1
    if data:
        state.read(data, len(data))
    if limit is None or limit < 0 or (not data and limit):
        _ended(state)


def _after_line(state: RemoteHandle, _: tuple[Any, ...], data: Any) -> None:
    if data:
        state.read(data, len(data))
    else:
        _ended(state)


def _after_lines(state: RemoteHandle, _: tuple[Any, ...], lines: Any) -> None:
    for line in lines:
        state.read(line, len(line))
    _ended(state)


def _after_readinto(state: RemoteHandle, args: tuple[Any, ...], count: Any) -> None:
    if count:
        state.read(memoryview(args[0]).cast("B")[:count], count)
    else:
        _ended(state)


def _after_seek(state: RemoteHandle, args: tuple[Any, ...], position: Any) -> None:
    if isinstance(position, int):
        state.position = position
    elif not args[1:] or args[1] == 0:
        state.position = args[0]
    else:
        state.in_order = False


def _after_write(state: RemoteHandle, args: tuple[Any, ...], count: Any) -> None:
    data = memoryview(args[0]).cast("B")
    size = count if isinstance(count, int) else data.nbytes
    state.write(data[:size], size)


def _after_writelines(state: RemoteHandle, args: tuple[Any, ...], _: Any) -> None:
    if isinstance(args[0], (list, tuple)):
        for piece in args[0]:
            _after_write(state, (piece,), None)
    else:
        state.in_order = False


def _exposed(state: RemoteHandle, _: tuple[Any, ...], __: Any) -> None:
    state.in_order = False


_MEASURES = {
    **dict.fromkeys(("read", "read1"), _after_read),
    **dict.fromkeys(("readline", "__next__"), _after_line),
    **dict.fromkeys(("readinto", "readinto1"), _after_readinto),
    "readall": lambda state, _, data: _after_read(state, (), data),
    "readlines": _after_lines,
    "seek": _after_seek,
    "write": _after_write,
    "writelines": _after_writelines,
    **dict.fromkeys(("truncate", "fileno", "getbuffer", "getvalue"), _exposed),
}

PASSING = {name: partialmethod(_passing, _name=name) for name in _MEASURES}
"""Method name -> the method that looks on, for those that the class of a handle has."""
