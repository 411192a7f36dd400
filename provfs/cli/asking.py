"""Open the log for a question: take in what waits first, or say how old the answer is.

Contract: a question changes nothing that was recorded, makes no home where there is none, and is
answered from what is there when others hold the log or the home cannot be written. Not here: turns
and locks, see `provfs.log.store`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from provfs import ingest as ingestion
from provfs.cli import render
from provfs.errors import LogBusyError, LogError, LogNotFoundError, LogVersionError
from provfs.journal.reader import journals
from provfs.log import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from provfs.config import Settings

WRITER_TIMEOUT_S = 3.0
"""How long a question waits to take in what is new before it answers from what is there."""

TURN_S = 60.0
"""How long a question waits for its turn to read: those before it are short, but may be many."""


@contextmanager
def fresh_log(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Take in what waits, then open the log for reading.

    Raises:
        LogNotFoundError: Nothing was ever recorded in this home.
        LogBusyError: Another program holds the log so that it cannot even be read.
        LogError: The log cannot be used.
    """
    if settings.log_path.exists():
        # Who only looks waits for no other reader, and a question with nothing new for no writer.
        with store.reader(settings.log_path, turn_s=TURN_S) as connection:
            if not ingestion.is_any_waiting(connection, settings.journal_directory):
                yield connection
                return
    behind = take_in(settings)
    with store.reader(settings.log_path, turn_s=TURN_S) as connection:
        if behind is not None:
            click.echo(f"provfs: {behind}; {_age(connection)}", err=True)
        yield connection


def take_in(settings: Settings) -> str | None:
    """Take in what waits; return why that was not possible, None where all is in the log.

    Raises:
        LogNotFoundError: Nothing was ever recorded in this home.
        LogVersionError: The log was written by a newer provfs.
    """
    if not settings.log_path.exists() and not journals(settings.journal_directory):
        msg = f"nothing was recorded yet in {settings.home}"
        raise LogNotFoundError(
            msg, hint="run something first: provfs run -- COMMAND; or name the home with --home DIR"
        )
    try:
        report = ingestion.ingest(settings, timeout_s=WRITER_TIMEOUT_S)
    except LogVersionError:
        raise
    except LogBusyError:
        return "the log is in use by another program"
    except (LogError, OSError) as error:
        if not settings.log_path.exists():
            raise
        return f"cannot take in what is new ({error})"
    for unreadable in report.unreadable:
        click.echo(f"provfs: left out {unreadable.path}: {unreadable.reason}", err=True)
    return None


def _age(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("SELECT max(ingested_ns) FROM store.journals").fetchone()
    if row is None or row[0] is None:
        return "the answer holds nothing yet"
    return f"the answer is {render.duration((time.time_ns() - row[0]) / 1e9)} old"
