"""Run the steps of an ingest in their order, in one transaction per batch.

Contract: a line that is no record becomes a row in `gaps` that names the journal and the byte;
nothing else is skipped. Not here: which lines are new, see `provfs.journal.reader`; the rules that
run at ingest, see `provfs/inference`.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from provfs.digest import hash_file
from provfs.errors import LogError
from provfs.ingest import beside, waiting
from provfs.ingest.batches import Batch, batches, empty, is_small
from provfs.ingest.ended import ended, note_torn, put_aside
from provfs.ingest.naming import name_artifacts
from provfs.ingest.staging import stage
from provfs.ingest.steps import count, run, text
from provfs.log import store
from provfs.model import Fingerprint, path_of_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provfs.config import Settings
    from provfs.journal.reader import Unreadable

_OF_FILES = frozenset(
    {"journal", "read", "write", "opening", "failed", "rename", "remove", "change"}
)
"""What tells nothing of an execution but that it was there; see `kinds.sql`."""


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
    settings: Settings,
    *,
    timeout_s: float = 30.0,
    remembered: Path | None = None,
    within: duckdb.DuckDBPyConnection | None = None,
) -> Report:
    """Take all that waits into the log of a home; makes the log where there is none.

    Args:
        settings: Whose home.
        timeout_s: How long to wait for the turn.
        remembered: An older log; digests that no journal tells, and that cannot be had from a file
            any more, are those that it knows, and times are counted as it does.
        within: An engine to open the log in, for who ingests again and again.

    Raises:
        LogBusyError: Others did not give the log back in time; what waits goes on waiting.
        LogError: The log cannot be opened, or the disk is full; what waits goes on waiting.
    """
    began = time.monotonic()
    records = broken = taken = 0
    unreadable: list[Unreadable] = []
    with store.writer(settings.log_path, timeout_s, within) as connection:
        beside.sweep(settings.home)
        _remember(connection, remembered)
        directory = settings.journal_directory
        grown = waiting.grown(directory, waiting.progress(connection), unreadable)
        connection.execute("SET threads = 1" if is_small(grown) else "RESET threads")
        for batch in batches(directory, grown, unreadable):
            lines, bad = _take(connection, batch, settings)
            records += lines
            broken += bad
            taken += len(batch.pieces)
        if _find_over(connection):
            _take(connection, empty(), settings)
        taken_bytes = waiting.progress(connection)
        finished, torn = ended(directory, taken_bytes)
        if torn:
            with _transaction(connection, settings):
                note_torn(connection, torn, taken_bytes)
    put_aside(directory, finished + [name for name, _ in torn])
    return Report(records, broken, taken, tuple(unreadable), time.monotonic() - began)


def _remember(connection: duckdb.DuckDBPyConnection, older: Path | None) -> None:
    """Leave the table `remembered`: digests by uri and fingerprint, none without an older log."""
    connection.execute(text("remembered"))
    if older is not None:
        store.attach(connection, older, "older", "(READ_ONLY)")
        connection.execute(text("remember"))
        connection.execute("DETACH older")


def _take(
    connection: duckdb.DuckDBPyConnection, batch: Batch, settings: Settings
) -> tuple[int, int]:
    """Ingest one batch and return (lines, broken lines).

    Each statement costs a millisecond or so, however little there is: steps whose input a batch
    does not have are left out, so that a small batch is soon done.
    """
    with _transaction(connection, settings):
        counts = stage(connection, batch, settings)
        run(connection, "beginning")
        run(connection, "executions")
        kinds = {kind for (kind,) in connection.execute(text("kinds")).fetchall()}
        has_changes = "change" in kinds
        has_moves = has_changes or not kinds.isdisjoint({"remove", "rename"})
        has_programs = not kinds <= _OF_FILES
        if has_programs:
            run(connection, "described")
            run(connection, "dirty")
        name_artifacts(connection, settings)
        run(connection, "accesses")
        _tell_apart(connection, has_changes=has_changes, has_moves=has_moves)
        _write(connection)
        if has_changes:
            run(connection, "change_versions")
        _move(connection)
        if has_changes or "read" in kinds:
            _read(connection)
        if has_changes:
            run(connection, "changes")
        _end(connection, has_moves=has_moves)
        _copy(connection)
        if has_programs:
            _relate(connection)
        _store(connection)
    return counts


def _store(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "store")
    if _is_so(connection, "flowing"):
        run(connection, "flows")


def _tell_apart(
    connection: duckdb.DuckDBPyConnection, *, has_changes: bool, has_moves: bool
) -> None:
    """Leave once in a batch what several channels saw."""
    if _is_so(connection, "seen"):
        run(connection, "doubles")
    if has_changes:
        run(connection, "change_states")
    if has_moves:
        run(connection, "again")


def _write(connection: duckdb.DuckDBPyConnection) -> None:
    _find_over(connection)
    _fill_digests(connection, "write")
    run(connection, "writes")
    while _is_so(connection, "unsettled"):
        run(connection, "settle")
        _fold(connection)


def _end(connection: duckdb.DuckDBPyConnection, *, has_moves: bool) -> None:
    if has_moves:
        run(connection, "removals")
    if _is_so(connection, "departed"):
        run(connection, "gone_before")


def _copy(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "contents")
    if _is_so(connection, "shared"):
        run(connection, "copies")


def _relate(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "relations")
    if _is_so(connection, "piped"):
        run(connection, "pipes")


def _read(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "reads_match")
    if _is_so(connection, "unnamed"):
        run(connection, "reads_remote")
    _fill_digests(connection, "read")
    run(connection, "reads_new")
    run(connection, "finish")


def _is_so(connection: duckdb.DuckDBPyConnection, question: str) -> bool:
    return count(connection, text(question)) > 0


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
    gone = waiting.over(connection)
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


def _fold(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring together versions that turned out to be one."""
    if count(connection, "SELECT count(*) FROM folded"):
        run(connection, "fold")


def _move(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the renames of a batch, directories first taken apart into the files below them."""
    due = count(connection, "SELECT count(*) FROM moves")
    if due:
        run(connection, "directories")
    while due:
        run(connection, "moves")
        _fold(connection)
        left = count(connection, "SELECT count(*) FROM moves")
        due = left if left < due else 0
