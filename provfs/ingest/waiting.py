"""Say what waits to be ingested, without changing anything.

Contract: a log that is open for reading is enough. What `is_any` calls nothing would be nothing to
an ingest that began at the same moment. Not here: which lines of a journal are new, see
`provfs.journal.reader`; what is done with them, see `provfs.ingest.pipeline`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provfs import process
from provfs.ingest.ended import ended
from provfs.ingest.steps import count, text
from provfs.journal.reader import Unreadable, new_lines
from provfs.journal.reader import grown as grown_journals
from provfs.log import store
from provfs.model import ExecutionName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

    from provfs.journal.reader import Waiting


def is_any(connection: duckdb.DuckDBPyConnection, directory: Path) -> bool:
    """Return whether an ingest into this log would do anything.

    Args:
        connection: The log.
        directory: Of the journals.
    """
    taken = progress(connection)
    return (
        not store.is_current(connection)
        or any(
            isinstance(journal, Unreadable) or new_lines(directory, journal) is not None
            for journal in grown_journals(directory, taken)
        )
        or any(ended(directory, taken))
        or bool(over(connection))
    )


def grown(directory: Path, taken: Mapping[str, int], unreadable: list[Unreadable]) -> list[Waiting]:
    """Return the journals that have grown; adds those that cannot be looked at to `unreadable`."""
    found: list[Waiting] = []
    for journal in grown_journals(directory, taken):
        if isinstance(journal, Unreadable):
            unreadable.append(journal)
        else:
            found.append(journal)
    return found


def progress(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return how many bytes of each journal are in the log."""
    statement = "SELECT journal, max(byte_end) FROM store.journals GROUP BY journal"
    return dict(connection.execute(statement).fetchall())


def over(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Return (execution_id, ended_ns) of executions that are over although files were left open."""
    is_any_open = count(connection, "SELECT count(*) FROM store.openings") > 0
    rows = connection.execute(text("openings")).fetchall() if is_any_open else []
    return [
        (execution_id, ended_ns if ended_ns is not None else last_ns + 1)
        for execution_id, name, ended_ns, last_ns in rows
        if ended_ns is not None or process.is_over(ExecutionName.parse(name))
    ]
