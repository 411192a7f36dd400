"""The questions from Python."""

import datetime as dt
import sys

import duckdb
import pytest

from provfs.config import Settings
from provfs.errors import ConfigError, LogNotFoundError, QueryError, UnknownArtifactError
from provfs.ingest import ingest
from provfs.log import Reached, open_log


@pytest.fixture
def log(ran, home):
    """Return the log of a pipeline whose raw data was replaced once."""
    ran(1, {"raw.csv": "r1"}, {"clean.csv": "c1"})
    ran(2, {"clean.csv": "c1"}, {"model.pkl": "m1"})
    ran(3, {"raw.csv": "r2"}, {"clean.csv": "c2"})
    ingest(Settings(home=home))
    return open_log()


def test_walks_are_values(log):
    """Each version that is reached comes with how, in the order of its distance."""
    found = log.upstream("model.pkl")

    assert all(isinstance(one, Reached) for one in found)
    assert [(one.depth, one.uri, one.ordinal, one.rule) for one in found] == [
        (1, "file:///work/clean.csv", 1, "same-process"),
        (2, "file:///work/raw.csv", 1, "same-process"),
    ]
    assert [one.uri for one in log.downstream("raw.csv@2")] == ["file:///work/clean.csv"]


def test_history_has_aware_times(log):
    """A version that was replaced has an end; times are UTC."""
    old, new = log.history("clean.csv")

    assert (old.ordinal, new.ordinal, new.ended_at) == (1, 2, None)
    assert old.ended_at.utcoffset() == dt.timedelta(0)


def test_execution_by_number(log):
    """An execution that does not exist is None."""
    (writer,) = {version.execution_id for version in log.history("model.pkl")}

    assert log.execution(writer).command == ["python", "step.py"]
    assert log.execution(99) is None


@pytest.mark.parametrize("question", ["usage", "impact", "reproducible", "reusable", "cost"])
def test_questions_about_a_name(log, question):
    """The columns are those of the macro, and an unknown name is an error."""
    answer = getattr(log, question)("model.pkl")

    assert len(list(answer)) == len(answer)
    assert all(set(row) == set(answer.columns) for row in answer)
    with pytest.raises(UnknownArtifactError):
        getattr(log, question)("nowhere")


def test_answers_become_tables(log):
    """Arrow and pandas have the same columns and rows."""
    pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    answer = log.sql("SELECT uri, created_at FROM versions WHERE kind = ?", ["model"])

    assert answer.arrow().to_pylist() == list(answer)
    assert list(answer.pandas().columns) == ["uri", "created_at"]
    assert len(answer.pandas()) == len(answer) == 1


def test_empty_answers_become_tables(log):
    """No rows are a table with columns."""
    pytest.importorskip("pyarrow")

    assert log.sql("SELECT uri FROM versions WHERE false").arrow().column_names == ["uri"]


def test_table_without_its_library_says_what_to_install(log, monkeypatch):
    """The message names the package."""
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ConfigError, match="pandas is not installed"):
        log.stale().pandas()


def test_log_is_read_only_and_not_kept_open(log):
    """A statement cannot change it, and between questions a writer gets in."""
    with pytest.raises(QueryError, match="read-only"):
        log.sql("DELETE FROM store.versions")
    with duckdb.connect(str(log.path)) as writer:
        assert writer.execute("SELECT count(*) FROM versions").fetchone()[0] > 0


def test_home_without_a_log(tmp_path):
    """A wrong directory is said at once."""
    with pytest.raises(LogNotFoundError):
        open_log(tmp_path)
