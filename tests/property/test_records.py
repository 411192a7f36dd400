"""Records survive their one-line form."""

from __future__ import annotations

import json
import typing

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provfs.journal import columns, record

_BY_TYPE: dict[object, st.SearchStrategy[object]] = {
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
    tuple[str, ...]: st.lists(st.text(), max_size=4).map(tuple),
    tuple[tuple[int, int], ...]: st.lists(
        st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), max_size=4
    ).map(tuple),
}


def _strategy(hint: object) -> st.SearchStrategy[object]:
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    return st.one_of([_strategy(part) for part in typing.get_args(hint)])


def _records(kind: type[record.Record]) -> st.SearchStrategy[record.Record]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: _strategy(hints[name]) for name in kind.__struct_fields__})


_any_record = st.one_of([_records(kind) for kind in typing.get_args(record.AnyRecord)])


@given(_any_record)
def test_record_survives_encoding(value: record.Record) -> None:
    """Decoding the line of a record gives the record, with or without the newline."""
    line = record.encode(value)

    assert record.decode(line) == value
    assert record.decode(line.removesuffix(b"\n")) == value


@given(_any_record)
def test_record_is_one_line_of_json_that_names_its_execution(value: record.Record) -> None:
    """Whatever a field holds, the only newline is the last byte, and the execution stands in
    the line.
    """
    line = record.encode(value)

    assert line.index(b"\n") == len(line) - 1
    assert json.loads(line)["execution"] == value.execution


@given(_any_record, st.dictionaries(st.text(), st.integers() | st.text(), max_size=3))
def test_record_ignores_fields_of_later_versions(
    value: record.Record, later: dict[str, int | str]
) -> None:
    """A field that this version does not know changes nothing."""
    fields = json.loads(record.encode(value))
    added = {f"later_{name}": content for name, content in later.items()}

    assert record.decode(json.dumps({**added, **fields}).encode()) == value


@given(_any_record, st.data())
def test_record_cut_short_is_no_record(value: record.Record, data: st.DataObject) -> None:
    """A torn line is never taken for a record."""
    whole = record.encode(value).removesuffix(b"\n")
    torn = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with pytest.raises(ValueError, match=r"."):
        record.decode(torn)


@pytest.mark.skipif(not columns.COMPILED, reason="nothing was compiled")
@given(st.lists(_any_record, max_size=8))
def test_what_becomes_a_row_is_the_record_that_was_written(values: list[record.Record]) -> None:
    """Accesses and openings are rows with their fields, or go on as the lines that they are."""
    taken = columns.Columns()

    taken.add(b"".join(map(record.encode, values)))

    found = [row for kind in columns.KINDS for row in _rows(taken.stream(kind), kind)]
    found += [record.decode(line) for text in taken.texts() for line in text.splitlines()]
    assert sorted(map(record.encode, found)) == sorted(map(record.encode, values))


def _rows(stream: object, kind: type[record.Record]) -> list[record.Record]:
    with duckdb.connect() as connection:
        connection.register("stream", stream)
        cursor = connection.execute("SELECT * FROM stream")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    given_ = [{name: value for name, value in row.items() if value is not None} for row in rows]
    for row in given_:
        if "ranges" in row:
            row["ranges"] = tuple(map(tuple, json.loads(row["ranges"])))
    return [kind(**row) for row in given_]
