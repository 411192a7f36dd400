"""Where the caches of fsspec keep their files on this machine.

Contract: knows the caches that are or were in use in this process, wrapped or not, by their
directories. Not here: what is recorded of them, see `provfs.capture.layers.caches`.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from typing import Any

from provfs.capture.layers.places import state_of

aborting: ContextVar[bool] = ContextVar("provfs_aborting", default=False)
"""True while a cache uploads what a failed writer left."""


def handling() -> int | None:
    """Return what tells the exception that is being handled from others; None where there is none.

    A handle that is closed while an exception is handled that was not handled at its opening was
    left by a failed writer: `OpenFile` does not tell a handle that its block failed.
    """
    error = sys.exc_info()[1]
    return None if error is None else id(error)


_storages: set[str] = set()


def remember_storage(fs: Any) -> None:
    """Take note of where a cache keeps its files."""
    _storages.update(map(os.path.realpath, state_of(fs).get("storage") or ()))


def is_cache_file(path: str) -> bool:
    """Say whether a file with a real path lies in a cache of fsspec."""
    module = sys.modules.get("fsspec.implementations.cached")
    if module is None:
        return False
    directory = os.path.dirname(path)
    if directory not in _storages:
        classes = [module.CachingFileSystem]
        for cls in classes:
            classes += cls.__subclasses__()
            for fs in list(cls._cache.values()):
                remember_storage(fs)
    return directory in _storages
