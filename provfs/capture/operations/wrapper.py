"""Wrap one method of a filesystem so that its operation is recorded, once, for the outermost one.

Contract: a wrapper calls the original with exactly the arguments that it got and returns or raises
what the original does. Coroutine functions stay coroutine functions. Not here: what is recorded
about which method, see `transfers`, `moves` and `local` beside this file.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple

from provfs.capture.active import active
from provfs.capture.execution import clock_ns
from provfs.capture.operations.telling import Answer, told
from provfs.capture.recorder import Recorder, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


caller: ContextVar[int | None] = ContextVar("provfs_caller", default=None)
"""Thread or task that called the sync form of a coroutine, which runs in fsspec's own thread."""


class Call(NamedTuple):
    """One operation under way."""

    recorder: Recorder
    fs: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    opened_ns: int
    thread: int
    told: list[Answer]


class _Steps:
    """What is done around one method; its errors end here."""

    def __init__(
        self,
        before: Callable[[Call], Any] | None,
        after: Callable[[Call, Any, Any], None],
        failed: Callable[[Call, Any], None] | None,
    ) -> None:
        self._before = before
        self._after = after
        self._failed = failed

    def enter(
        self, fs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Call, Any] | None:
        """Return the call and the note of `before`; None where it is not recorded."""
        if inside.get():
            return None
        recorder = active()
        if recorder is None:
            return None
        try:
            thread = caller.get() or recorder.thread_key()
            call = Call(recorder, fs, args, kwargs, clock_ns(), thread, [])
            return call, self._before(call) if self._before is not None else None
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
            return None

    def leave(self, entered: tuple[Call, Any], result: Any, *, ok: bool) -> None:
        """Record how it ended."""
        call, note = entered
        try:
            if ok:
                self._after(call, note, result)
            elif self._failed is not None:
                self._failed(call, note)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            call.recorder.trouble(error)


def wrapped(
    original: Callable[..., Any],
    before: Callable[[Call], Any] | None,
    after: Callable[[Call, Any, Any], None],
    failed: Callable[[Call, Any], None] | None = None,
) -> Callable[..., Any]:
    """Return a method that records.

    `before(call)` gives a note, `after(call, note, result)` writes the records, and
    `failed(call, note)` withdraws what `before` wrote.
    """
    steps = _Steps(before, after, failed)
    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            entered = steps.enter(self, args, kwargs)
            if entered is None:
                return await original(self, *args, **kwargs)
            token, notes = inside.set(True), told.set(entered[0].told)
            ok = False
            result = None
            try:
                result = await original(self, *args, **kwargs)
                ok = True
            finally:
                told.reset(notes)
                inside.reset(token)
                steps.leave(entered, result, ok=ok)
            return result

    else:

        @wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            entered = steps.enter(self, args, kwargs)
            if entered is None:
                return original(self, *args, **kwargs)
            token, notes = inside.set(True), told.set(entered[0].told)
            ok = False
            result = None
            try:
                result = original(self, *args, **kwargs)
                ok = True
            finally:
                told.reset(notes)
                inside.reset(token)
                steps.leave(entered, result, ok=ok)
            return result

    method.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return method


def is_mirrored(cls: type, name: str, value: Any) -> bool:
    """Say whether an attribute of an async filesystem is the sync form of a coroutine."""
    coroutine = getattr(cls, f"_{name}", None)
    return callable(value) and (
        inspect.iscoroutinefunction(coroutine) or inspect.isasyncgenfunction(coroutine)
    )


def name_caller(fs: Any) -> None:
    """Let the sync forms of an async filesystem, attributes of the instance, name their thread."""
    for name, value in list(vars(fs).items()):
        coroutine = getattr(type(fs), f"_{name}", None)
        if (
            inspect.isfunction(value)
            and inspect.iscoroutinefunction(coroutine)
            and not hasattr(value, "__provfs_caller__")
        ):
            setattr(fs, name, _naming_caller(value))


def _naming_caller(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = active()
        if recorder is None:
            return original(*args, **kwargs)
        token = caller.set(recorder.thread_key())
        try:
            return original(*args, **kwargs)
        finally:
            caller.reset(token)

    call.__provfs_caller__ = True  # type: ignore[attr-defined] # our own mark on a function
    return call
