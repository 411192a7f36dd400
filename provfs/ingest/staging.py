"""Load the new lines of journals into the tables `accesses` and `batch` of a connection.

Contract: `accesses` holds the access records, in the order of their lines, and `batch` all others.
Nearly all lines are accesses, and parsing them for the columns of every record would cost twice as
much. A line that is no record is counted, and stands in `gaps`. Not here: which lines are new, see
`provfs.journal.reader`; what becomes of the rows, see `provfs.ingest.pipeline`.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from hashlib import sha256
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from msgspec.structs import fields

from provfs.ingest.steps import count, run, text
from provfs.journal import record
from provfs.journal.reader import Slice, broken_lines

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

_LINE_BYTES_MAX = 16 << 20
Kinds = tuple[type[record.Record], ...]

_TABLES: dict[str, Kinds] = {
    "accesses": (record.Access,),
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
_OTHER_LINE = re.compile(rb'\n(?!\{"type":"access",)([^\n]+)')
"""A line that is not seen to be an access before it is parsed; it may still turn out to be one."""


def stage(connection: duckdb.DuckDBPyConnection, batch: list[Slice], home: Path) -> tuple[int, int]:
    """Load a batch, note how far each journal is taken, and return (lines, broken lines)."""
    lines: list[int] = []
    digests: list[str] = []
    with (
        NamedTemporaryFile(dir=home, prefix="ingest-", suffix=".jsonl") as every,
        NamedTemporaryFile(dir=home, prefix="ingest-", suffix=".jsonl") as others,
    ):
        for piece in batch:
            content = piece.read()
            lines.append(content.count(b"\n"))
            digests.append(sha256(content).hexdigest())
            every.write(content)
            found = _OTHER_LINE.findall(b"\n" + content)
            others.writelines(line + b"\n" for line in found)
        for file, table in ((every, "accesses"), (others, "batch")):
            file.flush()
            parameters = {"path": file.name, "line_bytes": _LINE_BYTES_MAX}
            connection.execute(_statement(table), parameters)
    now_ns = time.time_ns()
    read = count(connection, "SELECT (SELECT count(*) FROM accesses) + count(*) FROM batch")
    broken = _note_broken(connection, batch, now_ns) if read < sum(lines) else {}
    run(
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


@lru_cache
def _statement(table: str) -> str:
    kinds = _TABLES[table]
    fields = ", ".join(f"\"{name}\": '{kind}'" for name, kind in _record_columns(kinds).items())
    return (
        text("lines")
        .replace("{table}", table)
        .replace("{fields}", fields)
        .replace("{is_record}", _is_record(kinds))
    )


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


def _record_columns(kinds: Kinds) -> dict[str, str]:
    """Return the type of every column for these records, by field name, `type` first.

    Raises:
        TypeError: Two records use one field name for different types, or a type is not known here.
    """
    columns = {"type": "VARCHAR"}
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
    plain = [part for part in get_args(hint) if part is not type(None)]
    if type(None) in get_args(hint) and len(plain) == 1:
        hint = plain[0]
    try:
        return _TYPES[hint]
    except KeyError:
        msg = f"no column type for a field of type {hint}"
        raise TypeError(msg) from None
