"""Write the log anew without the holes that months of small ingests leave, and let old detail go.

Contract: the same rows with the same ids in a new file, which takes the place of the old one in one
step or not at all; what the new file holds is compared with the old before that. Needs room for a
second log while it runs, and keeps all others from the log meanwhile. Not here: which openings go,
see `provfs.ingest.retention`; the log made from its journals, see `provfs.ingest.integrity`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from provfs.errors import IntegrityError, LogError
from provfs.ingest import beside, retention
from provfs.log import store

if TYPE_CHECKING:
    from pathlib import Path

    from provfs.config import Settings
    from provfs.ingest.retention import Retention

_KEPT = {"reads": "kept_reads", "changes": "kept_changes"}
_DAY_NS = 86_400 * 10**9


class Compacted(NamedTuple):
    """What a compaction did.

    Attributes:
        before_bytes: Size of the log file before.
        after_bytes: Size of the one that took its place.
        retention: What was let go; None where all was to be kept.
        elapsed_s: Wall time.
    """

    before_bytes: int
    after_bytes: int
    retention: Retention | None
    elapsed_s: float


def compact(settings: Settings, *, keep_days: float | None = None) -> Compacted:
    """Write the log anew; with `keep_days`, without the detail that is older and has no effect.

    Raises:
        LogBusyError: Others did not give the log back in time.
        LogError: The disk is full, or the log cannot be read; the old one stays.
        IntegrityError: The new log does not hold what the old one does; the old one stays.
    """
    began = time.monotonic()
    before_bytes = settings.log_path.stat().st_size
    with beside.directory(settings.home, "compact") as directory:
        made = directory / settings.log_path.name
        with store.replacing(settings.log_path, made):
            beside.sweep(settings.home)
            gone = _rewrite(settings.log_path, made, keep_days)
    after_bytes = settings.log_path.stat().st_size
    return Compacted(before_bytes, after_bytes, gone, time.monotonic() - began)


def preview(settings: Settings, keep_days: float) -> Retention:
    """Say what `compact` with these days would let go; changes nothing.

    Raises:
        LogNotFoundError: There is no log.
        LogBusyError: A writer did not give it back in time.
    """
    with store.reader(settings.log_path) as connection:
        return retention.sift(connection, _moment(keep_days))


def _rewrite(old: Path, made: Path, keep_days: float | None) -> Retention | None:
    store.create_log(made)
    try:
        with store.engine() as connection:
            store.attach(connection, old, "old", "(READ_ONLY)")
            store.attach(connection, made, "made")
            connection.execute("USE old")
            gone = None
            if keep_days is not None:
                gone = retention.sift(connection, _moment(keep_days))
            _copy(connection, _KEPT if gone else {})
            if gone is not None:
                _note(connection, gone.before_ns)
            connection.execute("USE memory")
            connection.execute("DETACH made")
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        msg = f"cannot write the log {old} anew: {reason}"
        hint = "the old log was left as it is; is the disk full?"
        raise LogError(msg, hint=hint) from error
    return gone


def _copy(connection: duckdb.DuckDBPyConnection, sources: dict[str, str]) -> None:
    """Fill the tables of `made` with those of `old`, or of what stands for them; compare both."""
    statement = (
        "SELECT table_name FROM duckdb_tables()"
        " WHERE database_name = 'old' AND schema_name = 'store' ORDER BY table_name"
    )
    connection.execute("DELETE FROM made.store.meta")
    for (table,) in connection.execute(statement).fetchall():
        source, target = sources.get(table, f"old.store.{table}"), f"made.store.{table}"
        connection.execute(f"INSERT INTO {target} BY NAME FROM {source}")
        held, due = (_content(connection, place) for place in (target, source))
        if held != due:
            msg = f"the new log holds {held[0]} rows of {table} and not the same {due[0]} as before"
            raise IntegrityError(msg, hint="the old log was left as it is")


def _content(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[Any, ...]:
    """Return the number of rows of a table, and one number that any other row would change."""
    statement = f"SELECT count(*), sum(hash(t))::HUGEINT FROM {table} AS t"  # noqa: S608 - ours
    return connection.execute(statement).fetchall()[0]


def _note(connection: duckdb.DuckDBPyConnection, before_ns: int) -> None:
    moment = max(before_ns, retention.since(connection))
    connection.execute("DELETE FROM made.store.meta WHERE key = ?", [retention.SINCE])
    connection.execute("INSERT INTO made.store.meta VALUES (?, ?)", [retention.SINCE, str(moment)])


def _moment(keep_days: float) -> int:
    return time.time_ns() - round(keep_days * _DAY_NS)
