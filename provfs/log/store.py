"""Open the log file, for a short time, as one of many readers or as the one writer.

Contract: nobody keeps the log open; `reader` and `writer` are context managers that take a turn at
the turnstile, translate the engine's errors and close. `writer` makes the log where there is none,
brings an older one to the present format and renews rules, views and macros. The log is never
opened in a process that is captured through the same home. Not here: what is inserted, see
`provfs.ingest`; what is asked, see `provfs.queries`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from provfs.errors import (
    AmbiguousArtifactError,
    LogBusyError,
    LogError,
    LogNotFoundError,
    LogVersionError,
    ProvfsError,
    QueryError,
    UnknownArtifactError,
)
from provfs.log import definitions, turnstile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

STORAGE_VERSION = "v1.5.0"
"""Storage format of the file: the newest that DuckDB 1.5 and 2.x both read and write."""

_CONFIG: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}
_ATTACHED = "lineage_log"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LOCK_ERROR = re.compile(r"lock", re.IGNORECASE)
_NAME_ERROR = re.compile(r"(unknown artifact|ambiguous artifact|unknown version): (.*)", re.DOTALL)


class Rows(NamedTuple):
    """The answer to a statement: column names in order, and one tuple per row.

    Times are aware UTC datetimes; lists, structs and maps are Python lists and dicts.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """Return one dict per row, keyed by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@contextmanager
def reader(
    path: Path, timeout_s: float = 5.0, *, turn_s: float | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the log for reading.

    Args:
        path: The log.
        timeout_s: How long to wait for programs that do not take turns.
        turn_s: How long to wait for a turn, behind writers that do; default: `timeout_s`.

    Raises:
        LogNotFoundError: There is no log at this path.
        LogBusyError: A writer did not give it back in time.
        LogVersionError: It was written by a newer provfs.
        LogError: The file is not a log, or cannot be opened.
    """
    if not path.exists():
        msg = f"there is no lineage log at {path}"
        raise LogNotFoundError(
            msg, hint="run something first: provfs run -- COMMAND; or name the home with --home"
        )
    with (
        turnstile.reading(path.parent, timeout_s if turn_s is None else turn_s),
        _opened(path, timeout_s, read_only=True) as connection,
    ):
        _check_format(_format_of(connection, path), path)
        yield connection


def engine() -> duckdb.DuckDBPyConnection:
    """Return an engine without a log, for who opens the log again and again; the caller closes it.

    Making one costs more than opening a log in it.
    """
    connection = duckdb.connect(config=_CONFIG)
    connection.execute("SET enable_progress_bar = false")
    return connection


def attach(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, options: str = ""
) -> duckdb.DuckDBPyConnection:
    """Open a log, or any database, in an engine under a name, and return the engine."""
    quoted = str(path).replace("'", "''")
    return connection.execute(f"ATTACH '{quoted}' AS {name} {options}")


@contextmanager
def writer(
    path: Path, timeout_s: float = 30.0, within: duckdb.DuckDBPyConnection | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the log for writing; make it, or bring it to the present format, where needed.

    Args:
        path: Of the log.
        timeout_s: How long to wait for the turn.
        within: An `engine` to open it in; one is made for it where None.

    Raises:
        LogBusyError: Readers or another writer did not give it back in time.
        LogVersionError: It was written by a newer provfs.
        LogError: The file is not a log, or cannot be opened.
    """
    with turnstile.writing(path.parent, timeout_s):
        if not path.exists():
            create_log(path)
        opened = (
            _opened(path, timeout_s, read_only=False)
            if within is None
            else _attached(within, path, timeout_s)
        )
        with opened as connection:
            _bring_up_to_date(connection, path)
            yield connection


@contextmanager
def replacing(path: Path, made: Path, timeout_s: float = 30.0) -> Iterator[None]:
    """Hold the log alone, and let `made` take its place in one step if the block ends well.

    Before the block the log is brought to the present format and nothing of it is left in a WAL, so
    that a death at any moment leaves the old log or the new one, whole.

    Raises:
        LogBusyError: Readers or another writer did not give it back in time.
        LogError: The log cannot be opened, or the disk is full; the old log stays.
    """
    with turnstile.writing(path.parent, timeout_s):
        with _opened(path, timeout_s, read_only=False) as connection:
            _bring_up_to_date(connection, path)
        wal = path.with_name(f"{path.name}.wal")
        if wal.exists():
            msg = f"the lineage log {path} cannot be brought to rest: {wal.name} stays"
            raise LogError(msg, hint="is the disk full? nothing was lost; try again with more room")
        yield
        try:
            _flush(made)
            os.replace(made, path)
            _flush(path.parent)
        except OSError as error:
            msg = f"cannot put the new log in the place of {path}: {error}"
            raise LogError(msg, hint="the old log was left as it is") from error


def _flush(path: Path) -> None:
    """Let a file or directory reach the disk, so that it outlives a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_log(path: Path) -> None:
    """Make an empty log; a half-made one never stands under this name.

    Raises:
        LogError: The file cannot be made.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with duckdb.connect(config=_CONFIG) as connection:
            attach(connection, unfinished, "made", f"(STORAGE_VERSION '{STORAGE_VERSION}')")
            connection.execute("USE made")
            connection.execute("BEGIN")
            connection.execute(definitions.tables())
            for key, value in (("format", str(definitions.FORMAT)), ("uuid", str(uuid.uuid4()))):
                connection.execute("INSERT INTO store.meta VALUES (?, ?)", [key, value])
            _renew_derived(connection)
            connection.execute("COMMIT")
            connection.execute("USE memory")
            connection.execute("DETACH made")
        unfinished.chmod(0o600)
        os.replace(unfinished, path)
    except (duckdb.Error, OSError) as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        msg = f"cannot make the lineage log {path}: {error}"
        raise LogError(
            msg, hint="check that the directory can be written and the disk is not full"
        ) from error


def fetch(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[Any] = ()
) -> Rows:
    """Run one statement and return all its rows.

    Raises:
        QueryError: The statement cannot be run.
        UnknownArtifactError: It names an artifact or version that is not in the log.
        AmbiguousArtifactError: It names several artifacts.
    """
    try:
        cursor = connection.execute(statement, list(parameters))
        columns = [(column[0], str(column[1])) for column in cursor.description or ()]
        zoned = [
            name
            for name, kind in columns
            if kind.startswith("TIMESTAMP WITH TIME ZONE") or kind == "TIMESTAMPTZ"
        ]
        if zoned:
            # The driver turns zoned times into objects of a library that is no dependency of ours.
            cursor = connection.execute(_with_integer_times(statement, columns), list(parameters))
        rows = cursor.fetchall() if columns else []
    except duckdb.Error as error:
        raise translate(error) from error
    if zoned:
        places = [place for place, (name, _) in enumerate(columns) if name in zoned]
        rows = [_with_times(row, places) for row in rows]
    return Rows(tuple(name for name, _ in columns), rows)


def translate(error: duckdb.Error) -> ProvfsError:
    """Return our error for one of the engine's, met while a statement ran."""
    if found := _NAME_ERROR.search(str(error)):
        what, rest = found.groups()
        name = rest.split(" names ")[0].split("; ")[0]
        if what == "ambiguous artifact":
            return AmbiguousArtifactError(
                f"ambiguous artifact: {rest}", hint="give more of the path, or the whole uri"
            )
        if what == "unknown version":
            return UnknownArtifactError(
                f"unknown version: {rest}", hint=f"see: provfs history {name.split('@')[0]}"
            )
        return UnknownArtifactError(
            f"unknown artifact: {name}",
            hint='list what is known: provfs sql "SELECT uri FROM artifacts"; '
            "why a path is not captured: provfs status --why PATH",
        )
    return QueryError(
        f"the statement cannot be run: {error}",
        hint='the tables and columns: provfs sql "SHOW ALL TABLES"',
    )


def _with_integer_times(statement: str, columns: list[tuple[str, str]]) -> str:
    quoted = [f"c{place}" for place in range(len(columns))]
    picked = [
        f"epoch_us({name})" if "TIME ZONE" in kind or kind == "TIMESTAMPTZ" else name
        for name, (_, kind) in zip(quoted, columns, strict=True)
    ]
    inner = statement.rstrip().rstrip(";")
    answer = f"({inner}\n) AS answer({', '.join(quoted)})"
    return f"SELECT {', '.join(picked)} FROM {answer}"  # noqa: S608 - the user's own statement


def _with_times(row: tuple[Any, ...], places: list[int]) -> tuple[Any, ...]:
    fields = list(row)
    for place in places:
        if fields[place] is not None:
            fields[place] = _EPOCH + dt.timedelta(microseconds=fields[place])
    return tuple(fields)


@contextmanager
def _opened(
    path: Path, timeout_s: float, *, read_only: bool
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _connect(path, timeout_s, read_only=read_only)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _attached(
    connection: duckdb.DuckDBPyConnection, path: Path, timeout_s: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    _waiting(lambda: attach(connection, path, _ATTACHED), path, timeout_s)
    try:
        connection.execute(f"USE {_ATTACHED}")
        yield connection
    finally:
        connection.execute("USE memory")
        connection.execute(f"DETACH {_ATTACHED}")


def _connect(path: Path, timeout_s: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    connection = _waiting(
        lambda: duckdb.connect(str(path), read_only=read_only, config=_CONFIG), path, timeout_s
    )
    connection.execute("SET enable_progress_bar = false")
    return connection


def _waiting(
    open_it: Callable[[], duckdb.DuckDBPyConnection], path: Path, timeout_s: float
) -> duckdb.DuckDBPyConnection:
    """Try to open a log until nobody else holds it."""
    busy: duckdb.Error | None = None
    for _ in turnstile.pauses(timeout_s):
        try:
            return open_it()
        except duckdb.IOException as error:
            if not _LOCK_ERROR.search(str(error)):
                raise _unusable(path, error) from error
            busy = error
        except duckdb.Error as error:
            raise _unusable(path, error) from error
    msg = f"the lineage log {path} is open in another program: {_holder(str(busy))}"
    raise LogBusyError(msg, hint="close it there, or copy the file and ask the copy") from busy


def _holder(message: str) -> str:
    found = re.search(r"held in (.*?\(PID \d+\))", message)
    return found.group(1) if found else message.splitlines()[0]


def _unusable(path: Path, error: duckdb.Error) -> LogError:
    text = str(error)
    if re.search(r"version number|newer version|storage version", text):
        return LogVersionError(
            f"the lineage log {path} was written by a newer DuckDB: {text.splitlines()[0]}",
            hint="pip install --upgrade provfs duckdb",
        )
    return LogError(
        f"{path} cannot be opened as a lineage log: {text.splitlines()[0]}",
        hint="move it away and run: provfs sync; the journals that are kept are read again",
    )


def _format_of(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    try:
        row = connection.execute("SELECT value FROM store.meta WHERE key = 'format'").fetchone()
    except duckdb.Error as error:
        msg = f"{path} is a DuckDB file but no lineage log"
        raise LogError(msg, hint="name another home with --home DIR") from error
    if row is None:
        msg = f"{path} does not say which format it has"
        raise LogError(msg, hint="name another home with --home DIR")
    return int(row[0])


def _check_format(found: int, path: Path) -> None:
    if found > definitions.FORMAT:
        known = definitions.FORMAT
        msg = f"the lineage log {path} has format {found}; this provfs knows formats up to {known}"
        raise LogVersionError(msg, hint="pip install --upgrade provfs")


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether a log has the present format, rules, views and macros."""
    statement = "SELECT key, value FROM store.meta WHERE key IN ('derived', 'format')"
    due = {"derived": definitions.derived_digest(), "format": str(definitions.FORMAT)}
    return dict(connection.execute(statement).fetchall()) == due


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    found = _format_of(connection, path)
    _check_format(found, path)
    if is_current(connection):
        return
    connection.execute("BEGIN")
    try:
        for target, step in definitions.migrations():
            if target > found:
                connection.execute(step)
        connection.execute(
            "UPDATE store.meta SET value = ? WHERE key = 'format'", [str(definitions.FORMAT)]
        )
        _renew_derived(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _renew_derived(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(definitions.derived())
    connection.execute("DELETE FROM store.meta WHERE key = 'derived'")
    connection.execute(
        "INSERT INTO store.meta VALUES ('derived', ?)", [definitions.derived_digest()]
    )
