"""How answers look: tables and trees for people, JSON and CSV for programs.

Contract: data goes to stdout; a table and a tree fit the width of the terminal, and stand at full
width where the output is no terminal. JSON has uris, tagged digests and UTC times in full, never
short forms. Not here: which columns an answer has, see `provfs.cli.commands`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING

import click

from provfs.model import path_of_uri, uri_of_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_UNLIMITED = 1_000_000
_SMALLEST_CUT = 8
_PYTHON = ("python", "pypy")
_KIBIBYTE = 1024
_BINARY_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def print_json(value: object) -> None:
    """Print one JSON document; times as ISO 8601 with offset, everything unknown as text."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def print_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV with a head line; what is not known is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(heads)
    writer.writerows(["" if value is None else text(value) for value in row] for row in rows)
    click.echo(buffer.getvalue(), nl=False)


def print_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[int] = (),
    cut: int = -1,
) -> None:
    """Print a table with a head line.

    Args:
        heads: Names of the columns.
        rows: Cells in the same order; None is shown as `-`.
        right: Places of the columns that are aligned to the right.
        cut: Place of the column that gives way on a narrow terminal; the last by
            default.
    """
    table = [[cell(value) for value in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(list(heads), *table, strict=True)]
    place = range(len(heads))[cut]
    too_wide = sum(widths) + 2 * (len(widths) - 1) - width()
    if too_wide > 0:
        widths[place] = max(widths[place] - too_wide, _SMALLEST_CUT, columns(heads[place]))
    click.secho(_row(heads, widths, right), bold=True)
    for row in table:
        click.echo(_row(row, widths, right))


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    return "  ".join(
        padded(shortened(text, size), size, right=place in right)
        for place, (text, size) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def width() -> int:
    """Return how many columns a line may have; unlimited where the output is no terminal."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return _UNLIMITED
    return shutil.get_terminal_size().columns


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: East Asian wide ones two, marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Cf", "Me", "Mn"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def padded(text: str, size: int, *, right: bool = False) -> str:
    """Return a text with spaces up to a number of columns, before it where it stands right."""
    fill = " " * (size - columns(text))
    return fill + text if right else text + fill


def shortened(text: str, size: int) -> str:
    """Return a text of at most `size` columns, cut at the end with a mark."""
    if columns(text) <= size:
        return text
    kept, room = [], size - 1
    for char in text:
        room -= _columns_of(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + "…"


def cell(value: object) -> str:
    """Return how a value stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | dict):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return printable(str(value))


def printable(text: str) -> str:
    """Return a text without the characters that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "�" for char in text)


def text(value: object) -> str:
    """Return how a value stands in CSV: times as ISO 8601, lists as JSON, all else as it is."""
    if isinstance(value, list | dict):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return str(_plain(value))


def count(number: int, noun: str) -> str:
    """Return `1 file`, `1,000 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(size_bytes: int | None) -> str:
    """Return a size for people: `512 B`, `1.4 MiB`."""
    if size_bytes is None:
        return "-"
    if size_bytes < _KIBIBYTE:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in _BINARY_UNITS:
        value /= _KIBIBYTE
        if value < _KIBIBYTE or unit == _BINARY_UNITS[-1]:
            return f"{value:.1f} {unit}"
    raise AssertionError


def moment(at: dt.datetime | None) -> str:
    """Return a time in the zone of the reader, to the second, with its offset from UTC."""
    return "-" if at is None else at.astimezone().isoformat(" ", "seconds")


def duration(seconds: float) -> str:
    """Return a duration for people, in its largest unit: `3 s`, `5 min`, `2 h`, `4 d`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for limit, unit_s, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def digest(text: str | None) -> str:
    """Return the first 12 hex digits of a tagged digest."""
    return "-" if text is None else text.rpartition(":")[2][:12]


def place(uri: str, *, start: str | None = None) -> str:
    """Return a uri for people: the path below the working directory, else absolute, or the uri."""
    path = path_of_uri(uri)
    if path is None:
        return uri
    here = os.path.realpath(os.getcwd() if start is None else start).rstrip("/") + "/"
    shown = path.removeprefix(here) or path
    # A path with characters that a terminal would act on stays as it is encoded in the uri.
    return shown if shown.isprintable() else uri_of_path(path).removeprefix("file://")


def directory(uri: str) -> str:
    """Return the uri of a directory for people, ending in `/`; `./` for the working directory."""
    path = path_of_uri(uri)
    if path is not None and path.rstrip("/") == os.path.realpath(os.getcwd()).rstrip("/"):
        return "./"
    return place(uri)


def command(words: Sequence[str] | None) -> str:
    """Return a command line for people: `python` without its path, files below here relative."""
    if not words:
        return "-"
    here = os.path.realpath(os.getcwd()).rstrip("/") + "/"
    first, *rest = words
    name = os.path.basename(first) or first
    if name.startswith(_PYTHON):
        name = "python"
    return cell(" ".join([name, *(word.removeprefix(here) for word in rest)]))


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one pair per line, names aligned; None is left out."""
    shown = {name: cell(value) for name, value in fields.items() if value is not None}
    longest = max(map(columns, shown), default=0)
    for name, text in shown.items():
        click.echo(f"{click.style(padded(name, longest), dim=True)}  {text}")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
