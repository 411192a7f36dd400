"""Instrument fsspec's filesystem classes in place, as `provfs run` does when fsspec is imported.

Contract: a class is instrumented before its first instance is made, so that sync forms of
coroutines are made from instrumented coroutines. Only methods in a class's own namespace are
replaced, each once; the original stays in `__provfs_original__`. The local filesystem is left
alone: its files are seen at `open`; what only passes calls on is seen at its target.
Not here: the wrappers, see `provfs.capture.operations.methods`.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

_done: set[type] = set()


def instrument(spec: Any) -> None:
    """Make every filesystem class capture from its next instance on."""
    meta = spec._Cached  # noqa: SLF001 - the metaclass of all filesystems
    original = meta.__call__

    @wraps(original)
    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - stands for the metaclass's own
        if cls not in _done:
            try:
                _instrument_class(spec, cls)
            except Exception as error:  # noqa: BLE001 - the job runs, with or without capture
                from provfs.capture.active import active  # noqa: PLC0415 - rare

                recorder = active()
                if recorder is not None:
                    recorder.trouble(error)
        made = original(cls, *args, **kwargs)
        if getattr(made, "async_impl", False):
            try:
                from provfs.capture.operations.wrapper import name_caller  # noqa: PLC0415 - needs fsspec

                name_caller(made)
            except Exception:  # noqa: BLE001, S110 - the job runs, with or without capture
                pass
        return made

    meta.__call__ = __call__


def _instrument_class(spec: Any, cls: type) -> None:
    _done.add(cls)
    from provfs.capture.layers.places import CACHE, LOCAL, PASSING, kind_of  # noqa: PLC0415 - needs fsspec complete
    from provfs.capture.operations import methods  # noqa: PLC0415 - likewise

    kind = kind_of(cls)
    if kind in {LOCAL, PASSING} or hasattr(cls, "_provfs_bare"):
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
            setattr(cls, name, wrapper)
