"""Load a batch of lines into the tables `accesses`, `opened` and `batch` of a connection.

Contract: `accesses` holds the access records and `opened` the openings, those that came as columns
first, in the order of their lines; `batch` holds all others. A line that is no record is counted,
and stands in `gaps`. Not here: how lines become columns, see `provfs.journal.columns`; what becomes
of the rows, see `provfs.ingest.pipeline`.
"""

from __future__ import annotations

import time
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from msgspec.structs import fields

from provfs.ingest.steps import count, run, text
from provfs.journal import record
from provfs.journal.reader import broken_lines, read

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from provfs.config import Settings
    from provfs.ingest.batches import Batch

_LINE_BYTES_MAX = 16 << 20
Kinds = tuple[type[record.Record], ...]

_TABLES: dict[str, Kinds] = {
    "accesses": (record.Access,),
    "opened": (record.Opening,),
    "batch": tuple(kind for kind in get_args(record.AnyRecord) if kind is not record.Access),
}

_TYPES: dict[Any, str] = {
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    str: "VARCHAR",
    tuple[str, ...]: "VARCHAR[]",
    tuple[tuple[int, int], ...]: "BIGINT[][]",
}


def stage(
    connection: duckdb.DuckDBPyConnection, batch: Batch, settings: Settings
) -> tuple[int, int]:
    """Load a batch, note how far each journal is taken, and return (lines, broken lines)."""
    for table, kinds in _TABLES.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({_definition(kinds)})")
    for table in ("accesses", "opened"):
        _load_columns(connection, table, batch.columns.stream(*_TABLES[table]))
    accesses, others = batch.columns.texts()
    _load_lines(connection, "accesses", accesses, settings.home)
    _load_lines(connection, "batch", others, settings.home)
    if b'"opening"' in others:
        run(connection, "opened")
    lines_in_all = sum(piece.lines for piece in batch.pieces)
    now_ns = time.time_ns()
    found = count(connection, text("staged"))
    broken = _note_broken(connection, batch, settings, now_ns) if found < lines_in_all else {}
    run(
        connection,
        "progress",
        journals=[piece.journal for piece in batch.pieces],
        ends=[piece.end for piece in batch.pieces],
        lines=[piece.lines for piece in batch.pieces],
        broken=[broken.get(piece.journal, 0) for piece in batch.pieces],
        digests=[piece.digest for piece in batch.pieces],
        now_ns=now_ns,
    )
    return lines_in_all, sum(broken.values())


def _load_columns(connection: duckdb.DuckDBPyConnection, table: str, stream: Any) -> None:
    if stream is not None:
        connection.register("stream", stream)
        connection.execute(f"INSERT INTO {table} BY NAME FROM stream")
        connection.unregister("stream")


def _load_lines(
    connection: duckdb.DuckDBPyConnection, table: str, lines: bytes, home: Path
) -> None:
    if lines:
        with NamedTemporaryFile(dir=home, prefix="ingest-", suffix=".jsonl") as file:
            file.write(lines)
            file.flush()
            parameters = {"path": file.name, "line_bytes": _LINE_BYTES_MAX}
            connection.execute(_statement(table), parameters)


@lru_cache
def _definition(kinds: Kinds) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in _record_columns(kinds).items())


@lru_cache
def _statement(table: str) -> str:
    kinds = _TABLES[table]
    columns = _record_columns(kinds)
    fields = ", ".join(
        f"\"{name}\": '{kind}'" for name, kind in ({"type": "VARCHAR"} | columns).items()
    )
    return (
        text("lines")
        .replace("{table}", table)
        .replace("{columns}", ", ".join(f'"{name}"' for name in columns))
        .replace("{fields}", fields)
        .replace("{is_record}", _is_record(kinds))
    )


def _note_broken(
    connection: duckdb.DuckDBPyConnection, batch: Batch, settings: Settings, now_ns: int
) -> dict[str, int]:
    """Write a gap for every line that is no record; slow, and only done where one is missing."""
    counts: dict[str, int] = {}
    for piece in batch.pieces:
        content = read(settings.journal_directory, piece.journal, piece.start, piece.end)
        for offset, reason in broken_lines(content):
            counts[piece.journal] = counts.get(piece.journal, 0) + 1
            connection.execute(
                "INSERT INTO store.gaps VALUES (?, NULL, NULL, 'broken-line', 1, ?)",
                [now_ns, f"{piece.journal} at byte {piece.start + offset}: {reason}"],
            )
    return counts


def _record_columns(kinds: Kinds) -> dict[str, str]:
    """Return the type of every column for these records, by field name; `type` too if of several.

    Raises:
        TypeError: Two records use one field name for different types, or a type is not known here.
    """
    columns = {"type": "VARCHAR"} if len(kinds) > 1 else {}
    for kind in kinds:
        for name, hint in get_type_hints(kind).items():
            if name.startswith("__"):
                continue
            column = _column_type(hint)
            if columns.setdefault(name, column) != column:
                msg = f"field {name} is {column} in {kind.__name__} and {columns[name]} elsewhere"
                raise TypeError(msg)
    return columns


def _is_record(kinds: Kinds) -> str:
    """Return the SQL condition that a row is one of these records, with all it requires."""
    cases = []
    for kind in kinds:
        required = [field.encode_name for field in fields(kind) if field.required]
        present = " AND ".join(f'"{name}" IS NOT NULL' for name in required)
        cases.append(f"WHEN '{kind.__struct_config__.tag}' THEN {present}")
    return f"CASE type {' '.join(cases)} ELSE false END"


def _column_type(hint: Any) -> str:
    try:
        return _TYPES[record.without_none(hint)]
    except KeyError:
        msg = f"no column type for a field of type {hint}"
        raise TypeError(msg) from None
