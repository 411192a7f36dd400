"""Capture around any fsspec filesystem: `wrap(fs)`, and the protocol `prov` for urls.

Contract: `wrap(fs)` is a filesystem of a generated subclass of `type(fs)` with its name and module;
it shares connection, caches and store with the original, and results, errors and requests are those
of the original. `wrap(wrap(fs)) is wrap(fs)`. Pickled or as JSON it becomes a wrapped filesystem
again. Of nested operations only the outermost is recorded. `METHODS` says for each method whether
it is captured. Not here: the methods themselves, see `provfs.capture.operations`.
"""

from __future__ import annotations

import inspect
from typing import Any

from fsspec.asyn import AsyncFileSystem, mirror_sync_methods
from fsspec.spec import AbstractFileSystem
from fsspec.utils import tokenize

from provfs.capture.active import active
from provfs.capture.layers.archives import follow_container
from provfs.capture.layers.hits import see_hits
from provfs.capture.layers.places import ARCHIVE, CACHE, PASSING, kind_of, state_of
from provfs.capture.operations.methods import METHODS, captured_methods
from provfs.capture.operations.wrapper import is_mirrored, name_caller

try:
    from fsspec.implementations.chained import ChainedFileSystem
except ImportError:  # an fsspec that chains every protocol alike
    ChainedFileSystem = AbstractFileSystem

__all__ = ["METHODS", "ProvenanceFileSystem", "wrap"]

_BARE = "_provfs_fs"
_classes: dict[type, type] = {}


def wrap(fs: AbstractFileSystem) -> AbstractFileSystem:
    """Return a filesystem that records every read and write that goes through it.

    Args:
        fs: Any fsspec filesystem, sync or async; it stays as it is and unwrapped.

    Raises:
        TypeError: `fs` is not an fsspec filesystem.
    """
    if not isinstance(fs, AbstractFileSystem):
        msg = f"cannot wrap a {type(fs).__name__}: expected an fsspec filesystem"
        raise TypeError(msg)
    state = dict(state_of(fs))
    if _BARE in state:
        return fs
    if active() is not None and not _classes:
        see_hits()
    bare = type(fs)
    wrapped: AbstractFileSystem = object.__new__(_class_of(bare))
    if isinstance(fs, AsyncFileSystem) and fs.mirror_sync_methods:
        for name in [name for name in state if is_mirrored(bare, name, state[name])]:
            del state[name]
    state.update({_BARE: fs, "_transaction": None, "_intrans": False})
    state["_fs_token_"] = tokenize("provfs", state["_fs_token_"])
    _wrap_targets(bare, state)
    if kind_of(bare) == ARCHIVE:
        follow_container(fs)
    state_of(wrapped).update(state)
    if kind_of(bare) == PASSING and "sync_fs" in state:
        wrapped._wrap_all_sync_methods()  # noqa: SLF001 - its coroutines are bound to its target
    if isinstance(wrapped, AsyncFileSystem) and wrapped.mirror_sync_methods:
        mirror_sync_methods(wrapped)
        name_caller(wrapped)
    return wrapped


class ProvenanceFileSystem(ChainedFileSystem):
    """The protocol `prov`: `prov::s3://bucket/key`, or `filesystem("prov", target_protocol="s3")`.

    Making one gives the wrapped target filesystem itself, which is why `isinstance` of the result
    is that of the target.

    Args:
        target_protocol: Protocol of the filesystem to capture.
        target_options: Its arguments.
        fs: The filesystem itself, instead of the two.
    """

    protocol = "prov"
    cachable = False

    def __new__(  # noqa: D102 - described by the class
        cls,
        target_protocol: str | None = None,
        target_options: dict[str, Any] | None = None,
        fs: AbstractFileSystem | None = None,
        **_: Any,
    ) -> Any:
        if (fs is None) == (target_protocol is None):
            msg = "the prov filesystem needs exactly one of fs and target_protocol, as in prov::file:///data"
            raise ValueError(msg)
        if fs is None:
            import fsspec  # noqa: PLC0415 - the whole registry, only needed here

            fs = fsspec.filesystem(target_protocol, **(target_options or {}))
        return wrap(fs)


def _rebuild(fs: AbstractFileSystem) -> AbstractFileSystem:
    return wrap(fs)


def _bare_of(fs: Any) -> AbstractFileSystem:
    bare: AbstractFileSystem | None = state_of(fs).get(_BARE)
    if bare is None:
        bare = type(fs)._provfs_bare(*fs.storage_args, **fs.storage_options)  # noqa: SLF001 - our own mark on a class
    return bare


def _wrap_targets(bare: type, state: dict[str, Any]) -> None:
    """Capture what a filesystem lies on in its place, under the uris that it gives.

    A cache is captured itself, too, for what it has already; the others only pass calls on.
    """
    kind = kind_of(bare)
    if kind not in {CACHE, PASSING}:
        return
    for name in ("fs", "sync_fs"):
        if isinstance(state.get(name), AbstractFileSystem):
            state[name] = wrap(state[name])
    if isinstance(targets := state.get("fss"), dict):
        state["fss"] = {protocol: wrap(target) for protocol, target in targets.items()}


def _class_of(bare: Any) -> type:
    """Return the subclass of a filesystem class for wrapped instances, made once."""
    found = _classes.get(bare)
    if found is None:
        body: dict[str, Any] = {
            "__module__": bare.__module__,
            "__qualname__": bare.__qualname__,
            "__doc__": bare.__doc__,
            "_provfs_bare": bare,
            "__reduce__": lambda self: (_rebuild, (_bare_of(self),)),
            "to_dict": _to_dict,
            "_fs_token_": _kept("_fs_token_"),
            "storage_args": _kept("storage_args"),
            "storage_options": _kept("storage_options"),
            **captured_methods(bare),
        }
        if hasattr(bare, "__del__"):
            body["__del__"] = lambda _: (
                None
            )  # the bare one, which this one holds, ends what is open
        if inspect.ismethod(bare._strip_protocol):  # noqa: SLF001 - how fsspec itself names a file
            body["_strip_protocol"] = classmethod(_strip_protocol)
        name = bare.__name__
        if name == _OPENED_NATIVELY:
            name = body["__qualname__"] = f"Provenance{name}"
        found = _classes[bare] = type(bare)(name, (bare,), body)
    return found


_OPENED_NATIVELY = "LocalFileSystem"
"""pyarrow opens the files of a filesystem whose class has this name by itself, past capture."""


def _strip_protocol(cls: Any, path: Any) -> Any:
    """Strip the protocol, and `prov::` before it: some libraries hand on urls as they got them."""
    if isinstance(path, str) and path.startswith("prov::"):
        path = path[len("prov::") :]
    elif isinstance(path, list):
        return [cls._strip_protocol(item) for item in path]
    return cls._provfs_bare._strip_protocol(path)  # noqa: SLF001 - our own mark on a class


def _to_dict(self: Any, **options: Any) -> dict[str, Any]:
    inner = _bare_of(self).to_dict(**options)
    return {
        "cls": "provfs.capture.filesystem:ProvenanceFileSystem",
        "protocol": "prov",
        "args": [],
        "fs": inner,
    }


def _kept(name: str) -> property:
    """Return an attribute that keeps its first value; fsspec sets it again on what `prov` made."""

    def get(self: Any) -> Any:
        try:
            return state_of(self)[name]
        except KeyError:
            raise AttributeError(name) from None

    def put(self: Any, value: Any) -> None:
        state_of(self).setdefault(name, value)

    return property(get, put)
