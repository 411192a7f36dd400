"""What the log gives to Python: rows as plain values, and whole answers as tables.

Contract: values are immutable; times are aware and UTC; ids and names are those of the log. Tables
need the library that makes them (pyarrow, pandas), which is loaded when a table is asked for. Not
here: which questions there are, see `provfs.log.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provfs.errors import ConfigError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from provfs.log.store import Rows


class Version(NamedTuple):
    """One immutable state of an artifact; `ordinal` counts them from 1."""

    version_id: int
    artifact_id: int
    uri: str
    ordinal: int
    kind: str
    digest: str | None
    size_bytes: int | None
    origin: str
    created_at: dt.datetime | None
    ended_at: dt.datetime | None
    complete: bool
    execution_id: int | None


class Reached(NamedTuple):
    """A version that a walk came to: how far, by which rule, how surely and through what.

    `confidence` is the smallest on the best path; `depth` counts its steps.
    """

    depth: int
    uri: str
    ordinal: int
    kind: str
    digest: str | None
    size_bytes: int | None
    created_at: dt.datetime | None
    version_id: int
    rule: str
    confidence: float
    execution_id: int | None
    command: Sequence[str] | None


class Execution(NamedTuple):
    """One process from its start to its end; None where it is not known."""

    execution_id: int
    parent_id: int | None
    program_id: int
    host: str | None
    pid: int | None
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    exit_code: int | None
    user_name: str | None
    command: Sequence[str] | None
    cwd: str | None
    code_uri: str | None
    code_digest: str | None
    git_commit: str | None
    cpu_s: float | None
    max_rss_bytes: int | None


class Answer:
    """The answer to a question: iterable, with a length, and convertible to tables.

    Args:
        rows: Names of the columns, and values.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._rows.columns

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield one dict per row, keyed by column."""
        columns = self._rows.columns
        return (dict(zip(columns, row, strict=True)) for row in self._rows.rows)

    def __len__(self) -> int:
        return len(self._rows.rows)

    def __repr__(self) -> str:
        return f"<Answer of {len(self)} rows: {', '.join(self.columns)}>"

    def arrow(self) -> Any:
        """Return a `pyarrow.Table`.

        Raises:
            ConfigError: pyarrow is not installed.
        """
        pyarrow = _library("pyarrow")
        columns = list(zip(*self._rows.rows, strict=True)) or [()] * len(self.columns)
        return pyarrow.table(
            {name: list(values) for name, values in zip(self.columns, columns, strict=True)}
        )

    def pandas(self) -> Any:
        """Return a `pandas.DataFrame`.

        Raises:
            ConfigError: pandas is not installed.
        """
        return _library("pandas").DataFrame(self._rows.rows, columns=list(self.columns))


def _library(name: str) -> ModuleType:
    import importlib  # noqa: PLC0415 - only tables need it

    try:
        return importlib.import_module(name)
    except ImportError as error:
        msg = f"a table of {name} was asked for, and {name} is not installed"
        raise ConfigError(msg, hint=f"pip install {name}") from error
