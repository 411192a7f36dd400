"""The SQL files of an ingest: read once, run on a connection."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_RULES_AT_INGEST = frozenset({"copies", "relations", "pipes"})


def run(connection: duckdb.DuckDBPyConnection, step: str, **parameters: Any) -> None:
    """Run all statements of a step."""
    connection.execute(text(step), parameters or None)


def count(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    """Return the one number that a statement gives."""
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


@lru_cache
def text(step: str) -> str:
    """Return the SQL of a step."""
    package = "provfs.inference" if step in _RULES_AT_INGEST else "provfs.ingest"
    return files(package).joinpath(f"{step}.sql").read_text(encoding="utf-8")
