"""Encode records for the journal without msgspec, which a captured process must not pay for.

Contract: `line` gives, for each record type of `provfs.journal.record`, a line that `record.decode`
reads as that type; a test holds the two against each other. Fields that are None are left out. Text
that is no valid Unicode (lone surrogates) is written with question marks.
Source: importing msgspec costs 15 to 28 ms and 4 MiB per process, encoding here 1 µs per record
more. Not here: which records exist and what their fields mean, see `provfs.journal.record`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = {number: f"\\u{number:04x}" for number in range(0x20)} | {0x22: '\\"', 0x5C: "\\\\"}


def quoted(text: str) -> str:
    """Return the JSON form of a text."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{text.translate(_ESCAPES)}"'


def line(kind: str, execution: str, fields: Mapping[str, object]) -> bytes:
    """Return the line of one record, with its newline.

    Args:
        kind: The tag of the record type.
        execution: Name of the execution that the fact is about.
        fields: The fields by name: text, integers, floats, booleans, and sequences of these.
    """
    parts = [f'{{"type":"{kind}","execution":"{execution}"']
    for name, value in fields.items():
        if value is None:
            continue
        if type(value) is int:  # the frequent types first: this is half of what a record costs
            parts.append(f'"{name}":{value}')
        elif type(value) is str:
            parts.append(f'"{name}":{quoted(value)}')
        else:
            parts.append(f'"{name}":{_value(value)}')
    return (",".join(parts) + "}\n").encode("utf-8", "replace")


def opening_line(
    execution: str, id_: int, uri: str, opened_ns: int, thread: int, channel: str
) -> bytes:
    """Return the line of an `opening` record, as `line` does."""
    text = (
        f'{{"type":"opening","execution":"{execution}","id":{id_},"uri":{quoted(uri)}'
        f',"opened_ns":{opened_ns},"thread":{thread},"channel":"{channel}"}}\n'
    )
    return text.encode("utf-8", "replace")


def _value(value: object) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (tuple, list)):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, float):
        return float.__repr__(value)
    return int.__repr__(value.__index__())  # type: ignore[attr-defined] # NumPy's integers, too
