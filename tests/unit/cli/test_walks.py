"""Filters and forms of `provfs upstream` and `provfs downstream`."""

import csv
import io
import json

import pytest

from tests import builders


def test_many_names_give_one_tree_each(provfs, story):
    """Names are answered in their order."""
    status, out, _ = provfs("upstream", "report.md", "clean.csv@1")

    assert status == 0
    roots = [line.split()[0] for line in out.splitlines() if line.startswith("/work")]
    assert roots == ["/work/report.md@1", "/work/clean.csv@1"]


def test_directory_stands_for_all_below_it(provfs, story):
    """Many beginnings are one tree, with their count at its top."""
    _, out, _ = provfs("downstream", "/work/parts/")

    assert out.splitlines()[0] == "/work/parts/ (12 files)"
    assert "/work/all.csv@1" in out
    assert out.count("all.csv") == 1


def test_pattern_stands_for_all_that_match(provfs, story):
    """A star is answered in the log, not on the disk."""
    _, out, _ = provfs("upstream", "*model.joblib", "--json")

    assert {row["uri"] for row in json.loads(out)["versions"]} == {
        "file:///work/model.joblib",
        "file:///work/other/model.joblib",
    }


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("--kind", "model", {"model.joblib@1", "model.joblib@2"}),
        ("--program", "step3", {"report.md@1"}),
        ("--user", "nobody", set()),
        ("--rule", "copy", set()),
        ("--until", "2000-01-01", set()),
        ("--since", "2000-01-01",
         {"clean.csv@1", "clean.csv@2", "model.joblib@1", "model.joblib@2", "report.md@1"}),
    ],
)  # fmt: skip
def test_filter_chooses_what_is_shown(provfs, story, option, value, shown):
    """A filter looks at everything that is reached, however far; what it leaves out is counted."""
    _, out, err = provfs("downstream", "raw.csv", option, value)

    rows = out.splitlines()[1:]
    assert {row.split()[1].removeprefix("/work/") for row in rows} == shown
    assert (f"{5 - len(shown)} of 5 filtered out" in err) is (len(shown) < 5)


def test_csv_has_a_row_for_each_version(provfs, story):
    """Columns are those of the JSON answer, uris and digests in full."""
    _, out, _ = provfs("upstream", "work/model.joblib@1", "--csv")

    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["uri"] for row in rows] == [
        "file:///work/clean.csv", "file:///work/params.json", "file:///work/raw.csv",
    ]  # fmt: skip
    assert rows[0]["digest"].startswith("xxh3-128:")


def test_dot_draws_from_input_to_output(provfs, story):
    """Each file is one node, and arrows go the way of the data."""
    _, out, _ = provfs("upstream", "report.md", "--dot")

    assert out.startswith("digraph lineage {")
    assert 'n0 [label="/work/report.md@1", shape=box];' in out
    assert 'n1 [label="/work/model.joblib@1", shape=ellipse];' in out
    assert 'n1 -> n0 [label="same-process"];' in out


def test_mermaid_of_the_other_direction(provfs, story):
    """Downstream arrows go from the root."""
    _, out, _ = provfs("downstream", "params.json", "--mermaid")

    assert out.splitlines()[0] == "flowchart LR"
    assert 'n0[/"/work/params.json@1"/]' in out
    assert 'n0 -->|"same-process"| n1' in out


def test_hidden_versions_are_counted_and_can_be_shown(provfs, home):
    """A copy hardly depends on what else its program read: said, and shown on request."""
    state = builders.fingerprint(1, 1, 1)
    records = [
        builders.execution(1, 10),
        builders.read(1, 0, "m.bin", 20, 21, fingerprint=state, content="m", size_bytes=1),
        builders.read(1, 1, "n.txt", 22, 23, fingerprint="f", content="n", size_bytes=1),
        builders.opening(1, 2, "copy.bin", 30),
        builders.write(1, 2, "copy.bin", 30, 31, fingerprint="g", content="m", size_bytes=1),
    ]
    builders.write_journal(home, 1, records)

    _, usual, note = provfs("upstream", "copy.bin")
    _, weak, nothing = provfs("upstream", "copy.bin", "--min-confidence", "0")

    assert "n.txt" not in usual
    assert "1 version below confidence 0.5 not shown" in note
    assert "n.txt@1" in weak
    assert "same-process 0.4" in weak
    assert "not shown" not in nothing


@pytest.mark.parametrize(
    "words", [("--csv", "--json"), ("--dot", "--json"), ("--dot", "--kind", "model")]
)
def test_forms_that_exclude_each_other(provfs, story, words):
    """An answer has one form, and a graph has no holes."""
    status, out, err = provfs("upstream", "report.md", *words)

    assert (status, out) == (2, "")
    assert err.startswith("provfs: ")
