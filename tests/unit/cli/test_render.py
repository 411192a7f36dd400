"""How single values look to people."""

import datetime as dt
import time

import pytest

from provfs.cli import render
from provfs.export.graphs import Labelled, dot, mermaid
from provfs.queries.graph import Group, Line


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("データ", 6), ("e\u0301", 1), ("数a", 3), ("\u200b", 0)]
)
def test_columns_are_those_of_a_terminal(text, columns):
    """East Asian characters take two columns, combining marks none."""
    assert render.columns(text) == columns


def test_table_is_aligned_with_wide_characters(capsys):
    """The second column begins at the same place in every line."""
    render.print_table(("name", "n"), [("データ.csv", 1), ("a.csv", 2)])

    lines = capsys.readouterr().out.splitlines()
    pairs = zip(lines, "n12", strict=True)
    assert {render.columns(line[: line.rindex(end)]) for line, end in pairs} == {12}


def test_cut_text_fits_its_columns():
    """A wide character that would stand over the edge is left out."""
    assert render.shortened("データデータ", 6) == "デー…"
    assert render.columns(render.shortened("データデータ", 6)) <= 6


def test_times_are_local_and_say_their_zone(monkeypatch):
    """The offset from UTC stands behind the time."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        at = dt.datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=dt.UTC)

        assert render.moment(at) == "2026-01-01 21:00:00+09:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.02, "20 ms"),
        (1, "1 s"),
        (119, "119 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (864_000, "10 d"),
    ],
)
def test_durations_have_one_unit(seconds, shown):
    """The unit is the largest that says enough."""
    assert render.duration(seconds) == shown


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a#b<c>"])
def test_graphs_escape_names(name):
    """Any file name gives a valid graph."""
    group = Group("file:///x", "dataset", (1,), 1, None, None, None, (), ())
    one = Labelled(Line("", group, None, False, False), name)

    assert dot([one], upstream=True).count('"') - dot([one], upstream=True).count('\\"') == 4
    assert mermaid([one], upstream=True).count('"') == 2
