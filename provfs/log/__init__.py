"""The lineage log: its file, its schema, its one short writer, and the questions from Python.

Contract: importing this package loads no DuckDB; `open_log` and what it returns come when they are
first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.log.answers import Answer, Execution, Reached, Version
    from provfs.log.api import Log, open_log

__all__ = ["Answer", "Execution", "Log", "Reached", "Version", "open_log"]

_HOMES = {"Log": "api", "open_log": "api"}


def __getattr__(name: str) -> object:
    """Load the public names when they are first used (PEP 562)."""
    if name in __all__:
        import importlib  # noqa: PLC0415 - most that import this package need no question

        module = importlib.import_module(f"provfs.log.{_HOMES.get(name, 'answers')}")
        return getattr(module, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
