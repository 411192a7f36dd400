"""Capture: see what this process reads and writes, and append it to its journal.

Contract: importing this package imports neither fsspec nor DuckDB; its public names load on first
use. Capture never raises into the job after it has started and never opens the lineage log.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.filesystem import ProvenanceFileSystem, wrap

__all__ = ["ProvenanceFileSystem", "wrap"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from provfs.capture import filesystem  # noqa: PLC0415 - fsspec costs 75 ms

        return getattr(filesystem, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
