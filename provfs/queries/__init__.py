"""The named questions: one SQL file each, and what their answers mean.

Contract: a statement is read with `statement(name)` and run with bound parameters; it stands on the
public views and macros only, so that anybody can run it in plain DuckDB. Not here: how an answer
looks, see `provfs.cli.render`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files


@lru_cache
def statement(name: str) -> str:
    """Return the text of the query `name`."""
    return files("provfs.queries").joinpath(f"{name}.sql").read_text(encoding="utf-8")
