"""The project's own modules that a process has imported, with the digests of their files.

Contract: looks at modules that are loaded and imports none, not even those that load themselves
when they are looked at. A file that changed after the process had started may not be what was
imported: it has no digest. Not here: the main script, see `provfs.capture.identity.origin`.
"""

from __future__ import annotations

import os
import sys

from provfs.capture.identity.origin import digest_of_script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_MODULES = 5_000
"""Modules that are recorded at most; a project with more is recorded in part."""

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_INSTALLED = ("/site-packages/", "/dist-packages/", "/.venv/", "/__pypackages__/")


def project_files(modules: Iterable[object]) -> Iterator[str]:
    """Yield the source files of modules that belong to no installation."""
    installed = _installations()
    for module in modules:
        try:
            found = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if (
            isinstance(found, str)
            and found.endswith(".py")
            and not found.startswith(installed)
            and not any(part in found for part in _INSTALLED)
        ):
            yield os.path.abspath(found)


def modules_since(
    already: set[str], number: int, started_ns: int
) -> Iterator[tuple[str, str | None]]:
    """Yield the project's files among the modules loaded as number `number` or later.

    Each comes with its digest; None where what was imported cannot be known any more.

    Args:
        already: Files that were yielded before; grows.
        number: How many of the oldest modules to pass over.
        started_ns: When the process started, UTC epoch nanoseconds.
    """
    loaded = list(sys.modules.values())[number:]
    for path in project_files(loaded):
        if path in already or len(already) >= MOST_MODULES:
            continue
        already.add(path)
        try:
            changed = os.stat(path).st_mtime_ns > started_ns
        except OSError:
            continue
        digest = None if changed else digest_of_script(path)
        if changed or digest:
            yield path, digest


def _installations() -> tuple[str, ...]:
    standard = os.path.dirname(os.__file__)
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, standard, "/usr/lib", "/usr/share"}
    return (_OURS, *(prefix.rstrip("/") + "/" for prefix in prefixes if prefix not in {"", "/"}))
