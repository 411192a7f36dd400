"""Run the steps of an ingest in their order, in one transaction per batch.

Contract: a batch holds at most `BATCH_BYTES` of journal lines unless a single journal has more. A
line that is no record becomes a row in `gaps` that names the journal and the byte; nothing else is
skipped. Not here: which lines are new, see `provfs.journal.reader`; the rules that run at ingest,
see `provfs/inference`.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from provfs import process
from provfs.digest import hash_file
from provfs.errors import LogError
from provfs.ingest import beside
from provfs.ingest.ended import ended, note_torn, put_aside
from provfs.ingest.naming import name_artifacts
from provfs.ingest.staging import stage
from provfs.ingest.steps import count, run, text
from provfs.journal.reader import Slice, Unreadable, new_slices
from provfs.log import store
from provfs.model import ExecutionName, Fingerprint, path_of_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provfs.config import Settings

BATCH_BYTES = 256 << 20
"""Journal bytes per transaction: about one million lines, 300 MB of memory while staged."""


class Report(NamedTuple):
    """What an ingest did.

    Attributes:
        records: Lines taken.
        broken: Lines that were no records; each stands in `gaps`.
        journals: Journals that had something new.
        unreadable: Journals that were left alone, with the reason.
        elapsed_s: Wall time.
    """

    records: int
    broken: int
    journals: int
    unreadable: tuple[Unreadable, ...]
    elapsed_s: float


def ingest(
    settings: Settings, *, timeout_s: float = 30.0, remembered: Path | None = None
) -> Report:
    """Take all that waits into the log of a home; makes the log where there is none.

    Args:
        settings: Whose home.
        timeout_s: How long to wait for the turn.
        remembered: An older log; digests that no journal tells, and that cannot be had from a file
            any more, are those that it knows, and times are counted as it does.

    Raises:
        LogBusyError: Others did not give the log back in time; what waits goes on waiting.
        LogError: The log cannot be opened, or the disk is full; what waits goes on waiting.
    """
    began = time.monotonic()
    records = broken = taken = 0
    unreadable: list[Unreadable] = []
    with store.writer(settings.log_path, timeout_s) as connection:
        beside.sweep(settings.home)
        _remember(connection, remembered)
        for batch in _batches(settings, connection, unreadable):
            lines, bad = _take(connection, batch, settings)
            records += lines
            broken += bad
            taken += len(batch)
        if _find_over(connection):
            _take(connection, [], settings)
        taken_bytes = _progress(connection)
        finished, torn = ended(settings.journal_directory, taken_bytes)
        if torn:
            with _transaction(connection, settings):
                note_torn(connection, torn, taken_bytes)
    put_aside(settings.journal_directory, finished + [name for name, _ in torn])
    return Report(records, broken, taken, tuple(unreadable), time.monotonic() - began)


def _remember(connection: duckdb.DuckDBPyConnection, older: Path | None) -> None:
    """Leave the table `remembered`: digests by uri and fingerprint, none without an older log."""
    connection.execute(text("remembered"))
    if older is not None:
        source = str(older).replace("'", "''")
        connection.execute(f"ATTACH '{source}' AS older (READ_ONLY)")
        connection.execute(text("remember"))
        connection.execute("DETACH older")


def _batches(
    settings: Settings, connection: duckdb.DuckDBPyConnection, unreadable: list[Unreadable]
) -> Iterator[list[Slice]]:
    batch: list[Slice] = []
    size = 0
    for piece in list(new_slices(settings.journal_directory, _progress(connection))):
        if isinstance(piece, Unreadable):
            unreadable.append(piece)
            continue
        if batch and size + piece.end - piece.start > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += piece.end - piece.start
    if batch:
        yield batch


def _progress(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    statement = "SELECT journal, max(byte_end) FROM store.journals GROUP BY journal"
    return dict(connection.execute(statement).fetchall())


def _take(
    connection: duckdb.DuckDBPyConnection, batch: list[Slice], settings: Settings
) -> tuple[int, int]:
    """Ingest one batch and return (lines, broken lines)."""
    with _transaction(connection, settings):
        counts = stage(connection, batch, settings.home)
        with_changes = count(connection, "SELECT count(*) FROM batch WHERE type = 'change'") > 0
        run(connection, "executions")
        run(connection, "dirty")
        name_artifacts(connection, settings)
        run(connection, "accesses")
        run(connection, "doubles")
        if with_changes:
            run(connection, "change_states")
        _find_over(connection)
        _fill_digests(connection, "write")
        run(connection, "writes")
        if with_changes:
            run(connection, "change_versions")
        _move(connection)
        run(connection, "reads_match")
        _fill_digests(connection, "read")
        run(connection, "reads_new")
        run(connection, "finish")
        if with_changes:
            run(connection, "changes")
        for step in ("removals", "copies", "relations"):
            run(connection, step)
        if count(connection, text("piped")):
            run(connection, "pipes")
        run(connection, "store")
    return counts


@contextlib.contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[None]:
    """Commit what is done inside, or nothing of it."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        if isinstance(error, duckdb.Error | OSError):
            reason = str(error).splitlines()[0]
            msg = f"cannot write to the log {settings.log_path}: {reason}"
            hint = "nothing was lost, the journals are kept; is the disk full? then: provfs sync"
            raise LogError(msg, hint=hint) from error
        raise


def _find_over(connection: duckdb.DuckDBPyConnection) -> int:
    """Leave the table `over`: executions that have ended with files open; return how many."""
    rows = connection.execute(text("openings")).fetchall()
    gone = [
        (execution_id, ended_ns if ended_ns is not None else last_ns + 1)
        for execution_id, name, ended_ns, last_ns in rows
        if ended_ns is not None or process.is_over(ExecutionName.parse(name))
    ]
    run(
        connection,
        "over",
        ids=[execution_id for execution_id, _ in gone],
        ended_ns=[ended_ns for _, ended_ns in gone],
    )
    return len(gone)


def _fill_digests(connection: duckdb.DuckDBPyConnection, mode: str) -> None:
    """Hash the local files whose digest the program's own pass did not give, if still the same."""
    run(connection, "recalled", mode=mode)
    known: dict[str, str] = {}
    for uri, state in connection.execute(text("unhashed"), {"mode": mode}).fetchall():
        path, fingerprint = path_of_uri(uri), Fingerprint.parse(state)
        hashed = hash_file(path, fingerprint) if path is not None else None
        if hashed is not None:
            known[state] = str(hashed[0])
    if known:
        run(connection, "hashed", fingerprints=list(known), digests=list(known.values()))


def _move(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the renames of a batch, directories first taken apart into the files below them."""
    waiting = count(connection, "SELECT count(*) FROM moves")
    if waiting:
        run(connection, "directories")
    while waiting:
        run(connection, "moves")
        left = count(connection, "SELECT count(*) FROM moves")
        waiting = left if left < waiting else 0
