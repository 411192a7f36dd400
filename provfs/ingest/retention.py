"""Decide which openings of files a log can do without once they are old.

Contract: edges, walks and every question about inputs and outputs have the same answers before and
after; what goes is who looked at what without consequence, and how often. Nothing is removed here:
the tables `kept_reads` and `kept_changes` of the connection say what stays. Journals are not
touched. Not here: the rewriting of the log, see `provfs.ingest.compaction`; the rule, see
`retention.sql`.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, NamedTuple

from provfs import process
from provfs.ingest.steps import text
from provfs.model import ExecutionName

if TYPE_CHECKING:
    import duckdb

SINCE = "accesses_since_ns"
"""Key in `store.meta`: openings before this moment were let go, UTC epoch nanoseconds."""


class Retention(NamedTuple):
    """What goes, or went.

    Attributes:
        before_ns: Openings that were closed before this are concerned, UTC epoch nanoseconds.
        reads: How many rows of reads are that old.
        without_effect: How many of them led to nothing, and go.
        merged: How many of the others become part of another row.
        changes: Rows about unknown readers and about attributes that go.
    """

    before_ns: int
    reads: int
    without_effect: int
    merged: int
    changes: int


def sift(connection: duckdb.DuckDBPyConnection, before_ns: int) -> Retention:
    """Leave the tables `kept_reads` and `kept_changes`, and say what is not in them."""
    running = [
        execution_id
        for execution_id, name, host in connection.execute(text("silent")).fetchall()
        if not _is_over(ExecutionName.parse(name), host)
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE running AS SELECT execution_id, program_id"
        " FROM store.executions WHERE execution_id IN (SELECT unnest($ids::BIGINT[]))",
        {"ids": running},
    )
    for statement in text("retention").split(";\n"):
        needs = {"before_ns": before_ns} if "$before_ns" in statement else None
        connection.execute(statement, needs)
    counts = connection.execute(text("retained"), {"before_ns": before_ns}).fetchall()[0]
    return Retention(before_ns, *counts)


def since(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the moment before which openings were let go; 0 where none were."""
    row = connection.execute(
        "SELECT value::BIGINT FROM store.meta WHERE key = ?", [SINCE]
    ).fetchone()
    return int(row[0]) if row else 0


def _is_over(name: ExecutionName, host: str | None) -> bool:
    """Return whether an execution is known to have ended: here, or before this host was started."""
    over = process.is_over(name)
    return over if over is not None else host == socket.gethostname()
