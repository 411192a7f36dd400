"""The questions that are answered by a table, on a recorded story and on real files."""

import csv
import io
import itertools
import json

import msgspec
import pytest

from provfs.digest import digest_of_bytes, fingerprint_of, hash_file
from provfs.journal.record import Access
from provfs.model import uri_of_path
from tests import builders

SECOND = 10**9


@pytest.fixture
def trained(home, work):
    """Record a training on files that lie in the work directory, and return a function for more."""
    pids = itertools.count(1)
    script = work / "train.py"
    script.write_text("train")

    def record(reads, writes, **fields):
        pid = next(pids)
        at_ns = pid * SECOND
        begin = msgspec.structs.replace(
            builders.execution(pid, at_ns),
            command=("python", "train.py"),
            cwd=str(work),
            code_uri=uri_of_path(str(script)),
            code_digest=str(hash_file(str(script))[0]),
            **fields,
        )
        numbered = enumerate([*((n, "read") for n in reads), *((n, "write") for n in writes)])
        accesses = []
        for id_, (name, mode) in numbered:
            path = work / name
            accesses.append(
                Access(
                    execution=builders.execution_name(pid), id=id_, uri=uri_of_path(str(path)),
                    mode=mode, opened_ns=at_ns + 10 + id_, closed_ns=at_ns + 20 + id_,
                    size_bytes=path.stat().st_size, fingerprint=str(fingerprint_of(path.stat())),
                    digest=str(digest_of_bytes(path.read_bytes())), thread=1, channel="open",
                )
            )  # fmt: skip
        builders.write_journal(home, pid, [begin, *accesses, builders.exit_(pid, at_ns + 100)])

    (work / "data.csv").write_text("d")
    (work / "model.pkl").write_text("m")
    record(["data.csv"], ["model.pkl"])
    return record


def _rows(out):
    return list(csv.DictReader(io.StringIO(out)))


def test_usage_says_who_read_and_wrote(provfs, story):
    """Reading and writing are rows of their own, with the last execution of each."""
    _, out, _ = provfs("usage", "clean.csv")

    rows = [line.split() for line in out.splitlines()[1:]]
    assert {(row[0], row[1], row[2]) for row in rows} == {
        ("read", "tester", "2"),
        ("write", "tester", "2"),
    }
    assert "#5 python step5.py" in out
    assert "#4 python step4.py" in out


def test_impact_lists_models_and_their_state(provfs, story):
    """Both models descend from the raw data, the older one is past."""
    _, out, err = provfs("impact", "raw.csv")

    rows = [line.split() for line in out.splitlines()[1:]]
    assert [(row[1], row[3]) for row in rows] == [
        ("/work/model.joblib@1", "past"),
        ("/work/model.joblib@2", "current"),
    ]
    assert "2 versions of models" in err


def test_stale_names_the_newer_input(provfs, story):
    """The report was made from the first model; a name restricts the answer."""
    _, out, err = provfs("stale")
    _, other, _ = provfs("stale", "clean.csv")

    row = out.splitlines()[1].split()
    assert row == ["1", "/work/report.md", "/work/model.joblib@1", "@2"]
    assert "1 output out of date" in err
    assert len(other.splitlines()) == 1


def test_unattributed_change_has_both_digests(provfs, story):
    """Nobody was seen writing the second raw data."""
    _, out, _ = provfs("unattributed", "--csv")

    (row,) = _rows(out)
    assert (row["uri"], row["kind"]) == ("file:///work/raw.csv", "changed")
    assert row["old_digest"] == builders.digest_of("r1")
    assert row["new_digest"] == builders.digest_of("r2")


def test_cost_of_a_version_lists_its_steps(provfs, story):
    """Each program on the way to the report is a row."""
    _, out, _ = provfs("cost", "report.md", "--json")

    assert [row["command"][1] for row in json.loads(out)] == ["step1.py", "step2.py", "step3.py"]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("user", {"tester": "1", "ada": "1"}),
        ("TEAM", {"vision": "1", "": "1"}),
        ("host", {builders.HOST: "2"}),
        ("job", {"slurm 7": "1", "": "1"}),
    ],
)
def test_cost_is_summed_by_what_was_recorded(provfs, trained, by, groups):
    """A team is what an environment variable says; what says nothing is a group as well."""
    trained([], [], user_name="ada", environment=("TEAM=vision",), job_system="slurm", job_key="7")

    _, out, _ = provfs("cost", "--by", by, "--csv")

    assert {row["group"]: row["executions"] for row in _rows(out)} == groups


def test_reproducible_while_inputs_and_code_lie_there(provfs, trained):
    """Yes is exit status 0."""
    status, out, _ = provfs("reproducible", "model.pkl")

    assert status == 0
    assert "model.pkl@1 can be made again" in out


def test_changed_input_makes_it_irreproducible_without_being_seen(provfs, trained, work):
    """The disk is looked at: an edit that nobody recorded counts."""
    (work / "data.csv").write_text("changed")

    status, out, _ = provfs("reproducible", "model.pkl")

    assert status == 1
    assert "data.csv@1: changed unseen" in out


def test_touched_input_is_hashed_and_found_the_same(provfs, trained, work):
    """Only the content counts, not the time of the file."""
    (work / "data.csv").write_text("d")

    assert provfs("reproducible", "model.pkl")[0] == 0


def test_missing_code_makes_it_irreproducible(provfs, trained, work):
    """A script that is gone, and in no repository, is named."""
    (work / "train.py").unlink()

    status, out, _ = provfs("reproducible", "model.pkl", "--json")

    answer = json.loads(out)
    assert (status, answer["reproducible"]) == (1, False)
    assert "train.py: missing" in answer["reasons"][0]


def test_version_without_a_writer_cannot_be_made_again(provfs, trained):
    """Raw data comes from outside."""
    status, out, _ = provfs("reproducible", "data.csv")

    assert status == 1
    assert "nobody was seen writing it" in out


def test_command_that_would_repeat_a_run_is_reusable(provfs, trained):
    """Same words, same script, same inputs on the disk: computed already."""
    status, out, _ = provfs("reusable", "--", "python", "train.py")

    assert status == 0
    assert "model.pkl@1" in out


@pytest.mark.parametrize("change", ["data.csv", "train.py"])
def test_command_is_not_reusable_after_a_change(provfs, trained, work, change):
    """Other data or other code is another step; the reason is said."""
    (work / change).write_text("other")

    status, _, err = provfs("reusable", "--", "python", "train.py")

    assert status == 1
    assert ("data.csv is changed" in err) is (change == "data.csv")


def test_command_with_other_words_is_not_reusable(provfs, trained):
    """A setting on the command line is part of the step."""
    status, out, _ = provfs("reusable", "--csv", "--", "python", "train.py", "--lr", "1")

    assert (status, _rows(out)) == (1, [])


def test_version_of_a_repeated_run_is_reusable(provfs, trained, work):
    """The same training on the same content, elsewhere: it was computed before."""
    (work / "again.pkl").write_text("m")
    trained(["data.csv"], ["again.pkl"])

    status, out, _ = provfs("reusable", "again.pkl")

    assert status == 0
    assert "model.pkl@1" in out


def test_deletable_sums_up(provfs, trained, work):
    """A copy is named with what is kept."""
    (work / "kept.csv").write_text("d")
    trained(["data.csv"], ["kept.csv"])

    _, out, err = provfs("deletable")

    assert "the same is in data.csv" in out
    assert "1 file, 1 B" in err


@pytest.mark.parametrize(
    "words",
    [
        ("usage", "x"), ("impact", "x"), ("stale", "x"), ("reproducible", "x"), ("reusable", "x"),
        ("cost", "x"),
    ],
)  # fmt: skip
def test_unknown_name_is_an_error_of_every_question(provfs, story, words):
    """One message, one next step."""
    status, out, err = provfs(*words)

    assert (status, out) == (1, "")
    assert "unknown artifact: x\n  next: " in err


@pytest.mark.parametrize("words", [("usage", "raw.csv"), ("deletable",), ("reproducible", "x")])
def test_two_forms_at_once_are_refused(provfs, story, words):
    """An answer has one form."""
    assert provfs(*words, "--csv", "--json")[0] == 2


def test_sync_compacts_and_tells_what_goes(provfs, story):
    """A dry run tells what the real one then does; without --compact the options make no sense."""
    _, dry, _ = provfs("sync", "--compact", "--keep-days", "0", "--dry-run", "--json")
    _, real, _ = provfs("sync", "--compact", "--keep-days", "0", "--json")
    _, out, _ = provfs("sync", "--compact")

    told, done = json.loads(dry), json.loads(real)
    assert "compacted" not in told
    assert told["retention"]["dry_run"] is True
    assert done["compacted"]["after_bytes"] > 0
    counts = ("reads", "without_effect", "merged", "changes")
    assert [told["retention"][c] for c in counts] == [done["retention"][c] for c in counts]
    assert "log written anew" in out
    _, status_text, _ = provfs("status")
    assert "that led to nothing" in status_text
    for words in (["--keep-days", "1"], ["--compact", "--dry-run"]):
        status, _, err = provfs("sync", *words)
        assert status == 2
        assert "needs" in err
