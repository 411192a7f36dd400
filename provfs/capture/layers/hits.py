"""Caches that lie above a captured filesystem, as in `simplecache::prov::s3://…`.

Contract: what such a cache has already never comes down to the filesystem that captures, so that
the classes of fsspec's caches are captured in place, once, when the first filesystem is wrapped.
For a cache above any other filesystem they do what they did. Not here: what is recorded of a cache,
see `provfs.capture.layers.caches`.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from provfs.capture.layers import caches
from provfs.capture.layers.places import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_INHERITED = ("cat", "cat_ranges")
"""Methods of all filesystems that caches of blocks do not have of their own."""


def see_hits() -> None:
    """Let every class of caches that there is tell of what lies above a captured filesystem."""
    from fsspec.implementations.cached import CachingFileSystem  # noqa: PLC0415 - not for `import provfs`

    classes = [CachingFileSystem]
    for cls in classes:
        if not hasattr(cls, "_provfs_bare"):
            classes += cls.__subclasses__()
            own = set(vars(cls)) & set(caches.NAMES)
            for name in own | (set(_INHERITED) if cls is CachingFileSystem else set()):
                _see(cls, name, getattr(cls, name))


def _see(cls: Any, name: str, original: Any) -> None:
    if hasattr(original, "__provfs_original__") or hasattr(original, "__provfs_above__"):
        return  # `provfs run` has captured it for all targets
    capturing = caches.wrapper_for(name, original)
    if capturing is not None:
        setattr(cls, name, _above_capture(original, capturing))


def _above_capture(original: Callable[..., Any], capturing: Callable[..., Any]) -> Any:
    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_above = hasattr(type(state_of(self).get("fs")), "_provfs_bare")
        return (capturing if is_above else original)(self, *args, **kwargs)

    method.__provfs_above__ = True  # type: ignore[attr-defined] # our own mark on a function
    return method
