"""Turn the lines of journals into columns, which a database takes without looking at text again.

Contract: records of the kinds that nearly all lines are (`KINDS`) are taken where they are written
as provfs writes them; every other line goes on as text, in two parts: lines that may be accesses,
and lines that may be records of other kinds, with some in both. Nothing is lost, and nothing is
judged: whether a line that goes on is a record is found by who reads it. Where nothing was
compiled, every line goes on as text, with the same result and slower. One object is used by one
thread at a time. Not here: where lines come from, see `provfs.journal.reader`.
"""

from __future__ import annotations

import re
from typing import Any, get_type_hints

from msgspec.structs import fields

from provfs.journal import record

KINDS: tuple[type[record.Record], ...] = (record.Access, record.Opening)
"""The records that become columns: more than 95 of 100 lines of a program that reads and writes."""

_SIGNS: dict[Any, str] = {int: "l", str: "u", bool: "b", tuple[tuple[int, int], ...]: "r"}
_OTHER_LINE = re.compile(rb'\n(?!\{"type":"access",)([^\n]+)')
"""A line that is not seen to be an access before it is parsed; it may still turn out to be one."""


class Columns:
    """Lines of any number of journals."""

    def __init__(self) -> None:
        self._columns = _columns.begin(_TABLES) if COMPILED else None
        self._texts: tuple[list[bytes], list[bytes]] = ([], [])

    def add(self, content: bytes) -> int:
        """Take complete lines, and return how many there are.

        Raises:
            ValueError: The last line has no end.
        """
        if self._columns is not None:
            return _columns.add(self._columns, content)
        if content and not content.endswith(b"\n"):
            msg = "the last line is not complete"
            raise ValueError(msg)
        self._texts[0].append(content)
        self._texts[1].extend(line + b"\n" for line in _OTHER_LINE.findall(b"\n" + content))
        return content.count(b"\n")

    def texts(self) -> tuple[bytes, bytes]:
        """Return the lines that may be accesses and those that may be other records, and drop them.

        Lines of one part keep their order.
        """
        if self._columns is not None:
            return _columns.rest(self._columns, 0), _columns.rest(self._columns, 1)
        accesses, others = (b"".join(lines) for lines in self._texts)
        self._texts = ([], [])
        return accesses, others

    def stream(self, kind: type[record.Record]) -> Any:
        """Return the rows of a kind of `KINDS`, in order, and drop them; None where not compiled.

        It is a capsule by the name of `arrow_array_stream`, which DuckDB reads as a table with a
        column for each field, null where the field was not given. Ranges are text, in JSON.
        Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html.
        """
        return (
            _columns.stream(self._columns, KINDS.index(kind)) if self._columns is not None else None
        )


def _table(kind: type[record.Record]) -> tuple[str, tuple[tuple[str, str, bool], ...]]:
    """Return how such a line begins, and (name, sign of the type, is required) of its fields."""
    hints = get_type_hints(kind)
    described = []
    for field in fields(kind):
        sign = _SIGNS[record.without_none(hints[field.name])]
        described.append((field.encode_name, sign, field.required))
    return f'{{"type":"{kind.__struct_config__.tag}",', tuple(described)


_TABLES = tuple(_table(kind) for kind in KINDS)

try:
    from provfs.journal import _columns

    COMPILED = _columns.add(_columns.begin(_TABLES), b"\n") == 1
except Exception:  # noqa: BLE001 - whatever is wrong with it, there is another way
    COMPILED = False
