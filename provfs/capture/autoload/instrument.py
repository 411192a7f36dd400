"""Instrument fsspec's filesystem classes in place, as `provfs run` does when fsspec is imported.

Contract: a class is instrumented before its first instance is made, so that sync forms of
coroutines are made from instrumented coroutines; where instances live already, as in a notebook,
theirs are made anew. Only methods in a class's own namespace are replaced, each once; the original
stays in `__provfs_original__`, and `restore` puts everything back. The local filesystem is left
alone: its files are seen at `open`; what only passes calls on is seen at its target.
Not here: the wrappers, see `provfs.capture.operations.methods`.
"""

from __future__ import annotations

import gc
from functools import wraps
from typing import Any

_done: set[type] = set()
_replaced: list[tuple[Any, str, Any, Any]] = []
_ABSENT = object()


def instrument(spec: Any) -> None:
    """Make every filesystem class capture, and those of the instances that there are."""
    meta = spec._Cached  # noqa: SLF001 - the metaclass of all filesystems
    original = meta.__call__
    if hasattr(original, "__provfs_original__"):
        return

    @wraps(original)
    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - stands for the metaclass's own
        if cls not in _done:
            _guarded(_instrument_class, spec, cls)
        made = original(cls, *args, **kwargs)
        if getattr(made, "async_impl", False):
            _guarded(_name_caller, made)
        return made

    __call__.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    _put(meta, "__call__", __call__)
    for fs in _living(spec):
        if type(fs) not in _done:
            _guarded(_instrument_class, spec, type(fs))
    for fs in _living(spec):
        _guarded(_mirror_again, fs)


def restore(spec: Any) -> None:
    """Put back every attribute that was replaced and that nobody else has replaced since."""
    while _replaced:
        owner, name, original, replacement = _replaced.pop()
        if vars(owner).get(name) is not replacement:
            continue
        if original is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    _done.clear()
    for fs in _living(spec):
        _guarded(_mirror_again, fs)


def _guarded(action: Any, *args: Any) -> None:
    try:
        action(*args)
    except Exception as error:  # noqa: BLE001 - the job runs, with or without capture
        from provfs.capture.active import active  # noqa: PLC0415 - rare

        recorder = active()
        if recorder is not None:
            recorder.trouble(error)


def _put(owner: Any, name: str, replacement: Any) -> None:
    _replaced.append((owner, name, vars(owner).get(name, _ABSENT), replacement))
    setattr(owner, name, replacement)


def _living(spec: Any) -> list[Any]:
    """Return the filesystems that there are, wrapped ones left out; none where none was made."""
    if not spec.AbstractFileSystem.__subclasses__():
        return []
    return [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), spec.AbstractFileSystem)
        and not hasattr(type(thing), "_provfs_bare")
    ]


def _name_caller(fs: Any) -> None:
    from provfs.capture.operations.wrapper import name_caller  # noqa: PLC0415 - needs fsspec

    name_caller(fs)


def _mirror_again(fs: Any) -> None:
    """Make the sync forms of the coroutines of an instance anew, from those of its class."""
    from fsspec import asyn  # noqa: PLC0415 - the whole of fsspec is there when an instance is

    from provfs.capture.layers.places import PASSING, kind_of, state_of  # noqa: PLC0415 - likewise
    from provfs.capture.operations.wrapper import is_mirrored  # noqa: PLC0415 - likewise

    cls = type(fs)
    if not issubclass(cls, asyn.AsyncFileSystem) or kind_of(cls) == PASSING:
        return
    if not fs.mirror_sync_methods:
        return
    state = state_of(fs)
    for name in [name for name in state if is_mirrored(cls, name, state[name])]:
        del state[name]
    asyn.mirror_sync_methods(fs)
    if _replaced:
        _name_caller(fs)


def _instrument_class(spec: Any, cls: type) -> None:
    _done.add(cls)
    from provfs.capture.layers.places import (  # noqa: PLC0415 - needs fsspec complete
        BETWEEN,
        CACHE,
        LOCAL,
        PASSING,
        kind_of,
    )
    from provfs.capture.operations import methods  # noqa: PLC0415 - likewise

    kind = kind_of(cls)
    if kind in {LOCAL, PASSING, BETWEEN} or hasattr(cls, "_provfs_bare"):
        return
    for base in cls.__mro__:
        if base is spec.AbstractFileSystem or not issubclass(base, spec.AbstractFileSystem):
            continue
        if base is not cls and base in _done:
            continue
        _done.add(base)
        for name, method in list(vars(base).items()):
            _replace(methods, base, name, method, kind)
    is_async = getattr(cls, "async_impl", False)
    inherited = methods.PUBLIC if is_async else methods.INHERITED
    for name in ("cat", "cat_ranges") if kind == CACHE else inherited:
        _replace(methods, cls, name, getattr(cls, name), kind)


def _replace(methods: Any, cls: type, name: str, method: Any, kind: str) -> None:
    if methods.is_captured(cls, name, method):
        wrapper = methods.wrapper_for(name, method, kind)
        if wrapper is not None:
            _put(cls, name, wrapper)
