"""The columns that a line of a journal has for the engine: the fields of all records together."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from msgspec.structs import fields

from provfs.journal import record

_TYPES: dict[Any, str] = {
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    str: "VARCHAR",
    tuple[str, ...]: "VARCHAR[]",
    tuple[tuple[int, int], ...]: "BIGINT[][]",
}


def record_columns() -> dict[str, str]:
    """Return the type of every column, keyed by field name, `type` first.

    Raises:
        TypeError: Two records use one field name for different types, or a type is not known here.
    """
    columns = {"type": "VARCHAR"}
    for kind in get_args(record.AnyRecord):
        for name, hint in get_type_hints(kind).items():
            if name.startswith("__"):
                continue
            column = _column_type(hint)
            if columns.setdefault(name, column) != column:
                msg = f"field {name} is {column} in {kind.__name__} and {columns[name]} elsewhere"
                raise TypeError(msg)
    return columns


def is_record() -> str:
    """Return the SQL condition that a row is a record: of a known type, with all it requires."""
    cases = []
    for kind in get_args(record.AnyRecord):
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
