"""The commands that answer questions, on a recorded story."""

import csv
import io
import json

import pytest


def test_upstream_draws_what_a_version_was_made_from(provfs, story):
    """The tree names place and number of each version, the rule and the execution."""
    status, out, _ = provfs("upstream", "work/model.joblib@1")

    assert status == 0
    tree, _, code = out.partition("\n\n")
    drawn = [line.split() for line in tree.splitlines()]
    assert [line[0] if line[0].startswith("/") else line[-4] for line in drawn] == [
        "/work/model.joblib@1",
        "/work/clean.csv@1",
        "/work/raw.csv@1",
        "/work/params.json@1",
    ]
    assert [line[-2:] for line in drawn[1:]] == [
        ["same-process", "#2"],
        ["same-process", "#1"],
        ["same-process", "#2"],
    ]
    assert code.splitlines() == ["#1  python step1.py", "#2  python step2.py"]


def test_upstream_follows_the_version_and_not_the_name(provfs, story):
    """The second model comes from the second state of the raw data, and only from that."""
    _, out, _ = provfs("upstream", "work/model.joblib", "--json")

    made_from = {(row["uri"], row["ordinal"]) for row in json.loads(out)["upstream"]}
    assert made_from == {
        ("file:///work/clean.csv", 2),
        ("file:///work/params.json", 1),
        ("file:///work/raw.csv", 2),
    }


def test_downstream_is_the_mirror_image(provfs, story):
    """What was made from the first raw data includes the report, two steps on."""
    _, out, _ = provfs("downstream", "raw.csv@1", "--json")

    made = [(row["depth"], row["uri"].rpartition("/")[2], row["ordinal"]) for row in
            json.loads(out)["downstream"]]  # fmt: skip
    assert made == [(1, "clean.csv", 1), (2, "model.joblib", 1), (3, "report.md", 1)]


def test_depth_cuts_and_says_so(provfs, story):
    """A tree that is cut marks where, and stderr says how to see more."""
    status, out, err = provfs("upstream", "work/model.joblib", "--depth", "1")

    assert status == 0
    assert "raw.csv" not in out
    assert "clean.csv@2 …" in out
    assert "--depth" in err


def test_many_files_of_a_directory_are_one_line(provfs, story):
    """Twelve inputs in one directory are folded with their count; the table lists each."""
    _, out, err = provfs("upstream", "all.csv")
    _, flat, _ = provfs("upstream", "all.csv", "--flat")

    assert "/work/parts/ (12 files)" in out
    assert "12 versions folded" in err
    assert flat.count("/work/parts/") == 12


def test_history_lists_every_version(provfs, story):
    """Versions are numbered from the oldest, with what wrote them."""
    status, out, _ = provfs("history", "clean.csv")

    assert status == 0
    rows = out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["@1", "@2"]
    assert ["past" in row for row in rows] == [True, False]
    assert "#4 python step4.py" in rows[1]


def test_show_version_has_writer_inputs_and_readers(provfs, story):
    """One version comes with everything around it."""
    _, out, _ = provfs("show", "clean.csv@1")

    for expected in ("file:///work/clean.csv", "python step1.py", "/work/raw.csv@1", "#2 python"):
        assert expected in out


def test_show_execution_has_reads_and_writes(provfs, story):
    """An execution is named by its number."""
    _, out, _ = provfs("show", "#2")
    _, as_json, _ = provfs("show", "#2", "--json")

    assert "/work/model.joblib@1" in out
    facts = json.loads(as_json)
    assert [row["uri"] for row in facts["writes"]] == ["file:///work/model.joblib"]
    assert len(facts["reads"]) == 2


def test_diff_finds_the_data_that_changed(provfs, story):
    """Equal inputs are counted, different ones listed, over all steps."""
    _, out, _ = provfs("diff", "work/model.joblib@1", "work/model.joblib@2", "--json")

    result = json.loads(out)
    changed = {row["name"]: (row["a"][0]["ordinal"], row["b"][0]["ordinal"]) for row in
               result["inputs"]}  # fmt: skip
    assert changed == {"file:///work/clean.csv": (1, 2), "file:///work/raw.csv": (1, 2)}
    assert result["same_inputs"] == 1
    assert [row["name"] for row in result["execution"]] == ["command"]
    assert result["same_content"] is False


def test_diff_of_one_name_compares_the_last_two_versions(provfs, story):
    """One name is enough where a file has an earlier version."""
    status, out, _ = provfs("diff", "work/model.joblib")

    assert status == 0
    assert out.splitlines()[0] == "/work/model.joblib@1  →  /work/model.joblib@2"


def test_diff_of_two_executions(provfs, story):
    """Executions are named by their numbers; one of each kind cannot be compared."""
    status, out, _ = provfs("diff", "#2", "#5")
    _, as_json, _ = provfs("diff", "#2", "#5", "--json")
    wrong, _, err = provfs("diff", "#2", "clean.csv")
    alone, _, _ = provfs("diff", "#2")

    assert status == 0
    assert out.splitlines()[0] == "#2 python step2.py  →  #5 python step5.py"
    result = json.loads(as_json)
    assert [row["name"] for row in result["inputs"]] == ["file:///work/clean.csv"]
    assert [row["name"] for row in result["outputs"]] == ["file:///work/model.joblib"]
    assert (result["same_inputs"], result["same_content"]) == (1, None)
    assert result["a"]["execution_id"] == 2
    assert (wrong, alone) == (2, 2)
    assert "only be compared with another execution" in err


def test_many_lost_inputs_are_one_line(provfs, story):
    """Twelve parts that are gone from the disk are folded, as reason and as input; JSON has all."""
    status, out, _ = provfs("reproducible", "all.csv")
    _, as_json, _ = provfs("reproducible", "all.csv", "--json")

    assert status == 1
    assert out.count("/work/parts/ (12 files)") == 2
    assert len(json.loads(as_json)["inputs"]) == 12


def test_sql_prints_table_json_and_csv(provfs, story):
    """The same answer in three forms."""
    query = "SELECT uri, ordinal FROM versions WHERE uri LIKE '%clean.csv' ORDER BY ordinal"
    _, table, _ = provfs("sql", query)
    _, as_json, _ = provfs("sql", query, "--json")
    _, as_csv, _ = provfs("sql", query, "--csv")

    assert table.splitlines()[0].split() == ["uri", "ordinal"]
    expected = [("file:///work/clean.csv", 1), ("file:///work/clean.csv", 2)]
    assert [tuple(row.values()) for row in json.loads(as_json)] == expected
    read = list(csv.reader(io.StringIO(as_csv)))
    assert read == [["uri", "ordinal"], *([uri, str(n)] for uri, n in expected)]


def test_stale_report_is_found_in_sql(provfs, story):
    """The report was made from a model that has a newer version."""
    _, out, _ = provfs("sql", "SELECT uri FROM stale()", "--json")

    assert {"uri": "file:///work/report.md"} in json.loads(out)


def test_status_counts_and_leaves_what_waits(provfs, story):
    """Status takes nothing in; after a sync there is a log and nothing waits."""
    _, before, _ = provfs("status", "--json")
    provfs("sync")
    _, after, _ = provfs("status", "--json")

    assert json.loads(before)["waiting_journals"] == 7
    assert json.loads(before)["log_bytes"] is None
    facts = json.loads(after)
    assert (facts["executions"], facts["waiting_journals"], facts["gaps"]) == (7, 0, 0)


def test_status_reads_well(provfs, story):
    """For people the same facts are lines of name and value."""
    provfs("sync")
    status, out, _ = provfs("status")

    assert status == 0
    assert "7 executions" in out


@pytest.mark.parametrize(
    ("path", "captured"), [("/usr/share/data.csv", False), ("/work/data.csv", True)]
)
def test_status_why_names_the_rule(provfs, home, path, captured):
    """Whether a path is captured is a question that can be asked before anything runs."""
    status, out, _ = provfs("status", "--why", path, "--json")

    assert status == 0
    answer = json.loads(out)
    assert answer["captured"] is captured
    assert answer["reason"]


def test_json_of_sync_is_the_report(provfs, story):
    """What was taken in can be read by a program."""
    _, out, _ = provfs("sync", "--json")

    report = json.loads(out)
    assert (report["journals"], report["broken"], report["unreadable"]) == (7, 0, [])
