"""Bad input: one message, one next step, the exit code of the table, and never a traceback."""

import os
import subprocess
import sys

import duckdb
import pytest

from provfs.config import Settings
from provfs.ingest import ingest
from tests import builders

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"


def _assert_message(result, status, *parts):
    code, out, err = result
    assert (code, out) == (status, "")
    assert err.startswith("provfs: ")
    assert "\n  next: " in err
    assert "Traceback" not in err
    for part in parts:
        assert part in err


@pytest.mark.parametrize("command", ["upstream", "downstream", "history", "show", "diff"])
def test_unknown_name(provfs, story, command):
    """A name that nothing has is exit code 1 and names itself."""
    _assert_message(provfs(command, "nowhere.csv"), 1, "unknown artifact: nowhere.csv")


@pytest.mark.parametrize("command", ["upstream", "downstream", "history", "show", "diff"])
def test_ambiguous_suffix_lists_the_candidates(provfs, story, command):
    """A suffix of several artifacts names them all."""
    _assert_message(
        provfs(command, "model.joblib"),
        1,
        "ambiguous artifact",
        "file:///work/model.joblib",
        "file:///work/other/model.joblib",
    )


def test_unknown_version_says_how_many_there_are(provfs, story):
    """A number that is too high points to the history."""
    _assert_message(provfs("upstream", "clean.csv@9"), 1, "the newest is @2", "provfs history")


def test_unknown_name_in_an_empty_log(provfs, home):
    """A log that holds nothing knows no name either."""
    builders.write_journal(home, 1, [builders.execution(1, 10)])

    _assert_message(provfs("upstream", "nowhere.csv"), 1, "unknown artifact")


def test_unknown_execution(provfs, story):
    """An execution that is not there is an error too."""
    _assert_message(provfs("show", "#999"), 1, "unknown execution: #999")


def test_first_version_has_nothing_to_compare_with(provfs, story):
    """A diff needs two versions."""
    _assert_message(provfs("diff", "report.md"), 1, "no earlier version")


@pytest.mark.parametrize("command", [("upstream", "x"), ("sql", "SELECT 1"), ("history", "x")])
def test_missing_log_makes_no_home(provfs, home, command):
    """A question to a home that does not exist says so, and creates nothing."""
    _assert_message(provfs(*command), 10, str(home), "provfs run")
    assert not home.exists()


def test_newer_log(provfs, story):
    """A log of a newer format is left alone, with what to install."""
    ingest(Settings(home=story))
    path = story / "lineage.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE store.meta SET value = '99' WHERE key = 'format'")

    _assert_message(provfs("upstream", "clean.csv"), 1, "format 99", "pip install --upgrade")


def test_file_that_is_no_log(provfs, story):
    """A file of another kind under the name of the log is not overwritten."""
    path = story / "lineage.duckdb"
    path.write_bytes(b"not a database" * 500)

    _assert_message(provfs("upstream", "clean.csv"), 1, str(path))
    assert path.read_bytes().startswith(b"not a database")


def test_locked_log_names_who_holds_it(provfs, story, monkeypatch):
    """A program that has the log open for writing is named; the journals go on waiting."""
    monkeypatch.setattr("provfs.cli.asking.WRITER_TIMEOUT_S", 0.05)
    ingest(Settings(home=story))
    path = str(story / "lineage.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        result = provfs("upstream", "clean.csv")
        holder.stdin.close()

    _assert_message(result, 11, path, str(holder.pid))


@pytest.mark.parametrize("is_new", [True, False])
def test_log_that_is_being_read_still_answers(provfs, story, monkeypatch, is_new):
    """A notebook that reads the log keeps nothing from being answered; where something waits that
    cannot be taken in, the age of the answer is on stderr.
    """
    monkeypatch.setattr("provfs.cli.asking.WRITER_TIMEOUT_S", 0.05)
    ingest(Settings(home=story))
    if is_new:
        builders.write_journal(story, 99, [builders.execution(99, 10)])
    reading = HOLD.replace("(sys.argv[1])", "(sys.argv[1], read_only=True)")
    with subprocess.Popen(
        [sys.executable, "-c", reading, str(story / "lineage.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        status, out, err = provfs("upstream", "clean.csv")
        holder.stdin.close()

    assert status == 0
    assert "raw.csv" in out
    assert ("in use" in err) is is_new
    assert ("old" in err) is is_new


def test_sql_error(provfs, story):
    """An error in the statement shows where it is."""
    _assert_message(provfs("sql", "SELECT nothing FROM nowhere"), 1, "nowhere")


@pytest.mark.parametrize("query", ["DROP VIEW edges", "DELETE FROM store.versions"])
def test_sql_cannot_change_the_log(provfs, story, query):
    """The log is open for reading only."""
    _assert_message(provfs("sql", query), 1, "read-only")


def test_empty_sql(provfs, story):
    """No statement is an error and not an empty answer."""
    _assert_message(provfs("sql", " "), 1, "empty")


@pytest.mark.parametrize(
    "words", [("nonsense",), ("upstream",), ("upstream", "--nonsense", "x"), ("run",)]
)
def test_wrong_command_line(provfs, words):
    """A command line that cannot be understood points to the help."""
    _assert_message(provfs(*words), 2, "--help")


def test_broken_configuration(provfs, home):
    """A mistake in config.toml names file and setting."""
    home.mkdir()
    (home / "config.toml").write_text("[scope]\ninclud = []\n")

    _assert_message(provfs("status"), 2, "scope.includ", str(home / "config.toml"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_home_that_cannot_be_written(provfs, tmp_path):
    """A home in a read-only directory is refused."""
    tmp_path.chmod(0o500)

    _assert_message(provfs("init", "--home", tmp_path / "home"), 2, str(tmp_path / "home"))


def test_home_below_a_file(provfs, tmp_path):
    """A home that cannot be a directory is refused."""
    (tmp_path / "file").write_text("")

    _assert_message(provfs("init", "--home", tmp_path / "file" / "home"), 2, "file/home")
