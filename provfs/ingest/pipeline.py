"""Run the steps of an ingest in their order, in one transaction per batch.

Contract: a batch holds at most `BATCH_BYTES` of journal lines unless a single journal has more. A
line that is no record becomes a row in `gaps` that names the journal and the byte; nothing else is
skipped. Not here: which lines are new, see `provfs.journal.reader`; the rules that run at ingest,
see `provfs/inference`.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from provfs import process
from provfs.digest import hash_file
from provfs.errors import LogError
from provfs.ingest import beside
from provfs.ingest.columns import is_record, record_columns
from provfs.journal.reader import Slice, Unreadable, broken_lines, journals, new_slices
from provfs.log import store
from provfs.model import ExecutionName, Fingerprint, path_of_uri
from provfs.scope import KindRules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provfs.config import Settings

BATCH_BYTES = 256 << 20
"""Journal bytes per transaction: about one million lines, 300 MB of memory while staged."""

INGESTED = "ingested"
"""Directory below the journals for those that are complete, taken, and whose writer is gone."""

_LINE_BYTES_MAX = 16 << 20
_RULES_AT_INGEST = frozenset({"copies", "relations", "pipes"})


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
        _note_torn(connection, settings)
        finished = _finished(connection, settings)
    for path in finished:
        _put_aside(path)
    return Report(records, broken, taken, tuple(unreadable), time.monotonic() - began)


def _remember(connection: duckdb.DuckDBPyConnection, older: Path | None) -> None:
    """Leave the table `remembered`: digests by uri and fingerprint, none without an older log."""
    connection.execute(_text("remembered"))
    if older is not None:
        source = str(older).replace("'", "''")
        connection.execute(f"ATTACH '{source}' AS older (READ_ONLY)")
        connection.execute(_text("remember"))
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
        counts = _stage(connection, batch, settings)
        _run(connection, "executions")
        _run(connection, "dirty")
        _name_artifacts(connection, settings)
        _run(connection, "accesses")
        _run(connection, "doubles")
        _run(connection, "change_states")
        _find_over(connection)
        _fill_digests(connection, "write")
        _run(connection, "writes")
        _run(connection, "change_versions")
        _move(connection)
        _run(connection, "reads_match")
        _fill_digests(connection, "read")
        for step in (
            *(
                "reads_new",
                "finish",
                "changes",
                "removals",
                "copies",
                "relations",
                "pipes",
                "store",
            ),
        ):
            _run(connection, step)
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


def _stage(
    connection: duckdb.DuckDBPyConnection, batch: list[Slice], settings: Settings
) -> tuple[int, int]:
    """Load the lines of a batch into the table `batch` and note how far each journal is taken."""
    lines: list[int] = []
    digests: list[str] = []
    with NamedTemporaryFile(dir=settings.home, prefix="ingest-", suffix=".jsonl") as staged:
        for piece in batch:
            content = piece.read()
            staged.write(content)
            lines.append(content.count(b"\n"))
            digests.append(sha256(content).hexdigest())
        staged.flush()
        fields = ", ".join(f"\"{name}\": '{kind}'" for name, kind in record_columns().items())
        statement = _text("batch").replace("{fields}", fields).replace("{is_record}", is_record())
        connection.execute(statement, {"path": staged.name, "line_bytes": _LINE_BYTES_MAX})
    now_ns = time.time_ns()
    read = _count(connection, "SELECT count(*) FROM batch")
    broken = _note_broken(connection, batch, now_ns) if read < sum(lines) else {}
    _run(
        connection,
        "progress",
        journals=[piece.journal for piece in batch],
        ends=[piece.end for piece in batch],
        lines=lines,
        broken=[broken.get(piece.journal, 0) for piece in batch],
        digests=digests,
        now_ns=now_ns,
    )
    return sum(lines), sum(broken.values())


def _note_broken(
    connection: duckdb.DuckDBPyConnection, batch: list[Slice], now_ns: int
) -> dict[str, int]:
    """Write a gap for every line that is no record; slow, and only done where one is missing."""
    counts: dict[str, int] = {}
    for piece in batch:
        for offset, reason in broken_lines(piece.read()):
            counts[piece.journal] = counts.get(piece.journal, 0) + 1
            connection.execute(
                "INSERT INTO store.gaps VALUES (?, NULL, NULL, 'broken-line', 1, ?)",
                [now_ns, f"{piece.journal} at byte {piece.start + offset}: {reason}"],
            )
    return counts


def _name_artifacts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give every uri of the batch its artifact, and new ones their kind."""
    fresh = connection.execute(_text("names")).fetchall()
    rules = KindRules(settings.kinds)
    _run(
        connection,
        "artifacts_new",
        uris=[uri for uri, _ in fresh],
        kinds=[rules.kind_of(uri) for uri, _ in fresh],
        seen_ns=[seen_ns for _, seen_ns in fresh],
    )
    _run(connection, "artifacts")


def _find_over(connection: duckdb.DuckDBPyConnection) -> int:
    """Leave the table `over`: executions that have ended with files open; return how many."""
    rows = connection.execute(_text("openings")).fetchall()
    gone = [
        (execution_id, ended_ns if ended_ns is not None else last_ns + 1)
        for execution_id, name, ended_ns, last_ns in rows
        if ended_ns is not None or process.is_over(ExecutionName.parse(name))
    ]
    _run(
        connection,
        "over",
        ids=[execution_id for execution_id, _ in gone],
        ended_ns=[ended_ns for _, ended_ns in gone],
    )
    return len(gone)


def _fill_digests(connection: duckdb.DuckDBPyConnection, mode: str) -> None:
    """Hash the local files whose digest the program's own pass did not give, if still the same."""
    _run(connection, "recalled", mode=mode)
    known: dict[str, str] = {}
    for uri, text in connection.execute(_text("unhashed"), {"mode": mode}).fetchall():
        path, fingerprint = path_of_uri(uri), Fingerprint.parse(text)
        hashed = hash_file(path, fingerprint) if path is not None else None
        if hashed is not None:
            known[text] = str(hashed[0])
    if known:
        _run(connection, "hashed", fingerprints=list(known), digests=list(known.values()))


def _move(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the renames of a batch, directories first taken apart into the files below them."""
    waiting = _count(connection, "SELECT count(*) FROM moves")
    if waiting:
        _run(connection, "directories")
    while waiting:
        _run(connection, "moves")
        left = _count(connection, "SELECT count(*) FROM moves")
        waiting = left if left < waiting else 0


def _note_torn(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Write a gap for every journal that its writer could not complete, so that none is awaited.

    A process that is over ends no line any more: a full disk or a kill has cut its last record.
    """
    ingested = _progress(connection)
    torn: list[tuple[str, int, int]] = []
    for path in journals(settings.journal_directory):
        with contextlib.suppress(OSError, ValueError):
            taken, size = ingested.get(path.name, 0), path.stat().st_size
            if (size != taken or not size) and _is_over(path) and not _has_line(path, taken):
                torn.append((path.name, taken, path.stat().st_size))
    if not torn:
        return
    now_ns = time.time_ns()
    with _transaction(connection, settings):
        for name, taken, _ in torn:
            detail = f"{name} at byte {taken}: ends without a complete line"
            _run(connection, "torn", now_ns=now_ns, detail=detail)
        _run(
            connection,
            "progress",
            journals=[name for name, _, _ in torn],
            ends=[size for _, _, size in torn],
            lines=[0] * len(torn),
            broken=[1] * len(torn),
            digests=[None] * len(torn),
            now_ns=now_ns,
        )


def _has_line(journal: Path, start: int) -> bool:
    """Return whether a complete line stands behind `start`: it came while we were busy."""
    with journal.open("rb") as file:
        file.seek(start)
        return b"\n" in file.read()


def _is_over(journal: Path) -> bool | None:
    """Return whether the process that wrote a journal has ended; None where that is not known."""
    boot, pid, start, *_ = journal.name.split(".")
    return process.is_over(ExecutionName(boot, int(pid), int(start)))


def _finished(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[Path]:
    """Return the journals that are ingested to the last byte and whose writer is gone.

    The size is looked at once more when the writer is known to be gone: its last record may have
    come in between.
    """
    ingested = _progress(connection)
    finished = []
    for path in journals(settings.journal_directory):
        with contextlib.suppress(OSError, ValueError):
            taken = ingested.get(path.name, -1)
            if path.stat().st_size == taken and _is_over(path) and path.stat().st_size == taken:
                finished.append(path)
    return finished


def _put_aside(path: Path) -> None:
    with contextlib.suppress(OSError):
        target = path.parent / INGESTED
        target.mkdir(mode=0o700, exist_ok=True)
        os.rename(path, target / path.name)


def _count(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _run(connection: duckdb.DuckDBPyConnection, step: str, **parameters: Any) -> None:
    connection.execute(_text(step), parameters or None)


@lru_cache
def _text(step: str) -> str:
    package = "provfs.inference" if step in _RULES_AT_INGEST else "provfs.ingest"
    return files(package).joinpath(f"{step}.sql").read_text(encoding="utf-8")
