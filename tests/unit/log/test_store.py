"""The log file: who may open it, what it says when it cannot, and how old ones grow up."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from provfs.errors import (
    AmbiguousArtifactError,
    LogBusyError,
    LogError,
    LogNotFoundError,
    LogVersionError,
    QueryError,
    UnknownArtifactError,
)
from provfs.log import definitions, store, turnstile

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "lineage.duckdb"
    store.create_log(path)
    return path


def schema_of(path: Path) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
        ).fetchall()


def test_reader_says_that_there_is_no_log(tmp_path):
    """A log that was never made is a clear error with its own exit code."""
    with pytest.raises(LogNotFoundError) as caught, store.reader(tmp_path / "none.duckdb"):
        pass

    assert caught.value.exit_code == 10
    assert "provfs run" in caught.value.hint


def test_reader_refuses_a_file_that_is_no_log(tmp_path):
    """Something else under the name of the log is named as such, and left alone."""
    path = tmp_path / "lineage.duckdb"
    path.write_bytes(b"not a database at all" * 1000)

    with pytest.raises(LogError), store.reader(path):
        pass

    assert path.read_bytes().startswith(b"not a database")


def test_reader_refuses_a_database_that_is_no_log(tmp_path):
    """A DuckDB file of somebody else is not taken for a log."""
    path = tmp_path / "lineage.duckdb"
    duckdb.connect(str(path)).close()

    with pytest.raises(LogError, match="no lineage log"), store.reader(path):
        pass


@pytest.mark.parametrize("door", [store.reader, store.writer])
def test_log_of_a_newer_format_is_refused(log, door):
    """A log that a newer provfs wrote is not touched."""
    with duckdb.connect(str(log)) as connection:
        connection.execute("UPDATE store.meta SET value = '999' WHERE key = 'format'")

    with pytest.raises(LogVersionError, match="999"), door(log):
        pass


def test_log_held_by_another_program_is_busy(log):
    """Where another program keeps the log open, the error names it instead of waiting for ever."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        with pytest.raises(LogBusyError) as caught, store.reader(log, timeout_s=0.05):
            pass
        holder.communicate()

    assert str(holder.pid) in caught.value.message


def test_reader_waits_longer_for_its_turn_than_for_strangers(log):
    """Who takes turns is short; a question waits for many of them and not for another program."""
    turn = ExitStack()
    given_back = threading.Timer(0.4, turn.close)
    turn.enter_context(turnstile.writing(log.parent, 1))

    with pytest.raises(LogBusyError, match="being written"), store.reader(log, 0.05):
        pytest.fail("the log is not free")
    given_back.start()
    with store.reader(log, 0.05, turn_s=30) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    given_back.join()


def test_writer_waits_for_readers_at_the_turnstile(log):
    """A writer does not get in while a reader is inside, and says who is in the way."""
    with (
        store.reader(log),
        pytest.raises(LogBusyError, match="still being"),
        store.writer(log, timeout_s=0.05),
    ):
        pass


def test_engine_that_stays_gives_the_log_back_each_time(log):
    """Who writes again and again keeps the engine; others have the log in between."""
    engine = store.engine()
    with store.writer(log, within=engine) as connection:
        connection.execute("INSERT INTO store.meta VALUES ('one', '1')")
    with duckdb.connect(str(log)) as other:
        other.execute("INSERT INTO store.meta VALUES ('two', '2')")
    with pytest.raises(duckdb.Error), store.writer(log, within=engine) as connection:
        connection.execute("INSERT INTO nothing VALUES (3)")
    with store.reader(log) as connection:
        rows = connection.execute("SELECT key FROM store.meta WHERE length(value) = 1").fetchall()
    with store.writer(log, within=engine) as connection:
        views = connection.execute("SELECT count(*) FROM versions").fetchall()
    engine.close()

    assert {("one",), ("two",)} <= set(rows)
    assert views == [(0,)]


def test_readers_are_inside_together(log):
    """Two readers do not wait for each other."""
    with store.reader(log) as one, store.reader(log) as two:
        assert one.execute("SELECT 1").fetchone() == two.execute("SELECT 1").fetchone()


def test_log_has_the_storage_version_that_old_engines_read(log):
    """The file is written for DuckDB 1.5, whatever engine wrote it."""
    with duckdb.connect(str(log), read_only=True) as connection:
        row = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE NOT internal"
        ).fetchone()

    assert "v1.5.0" in str(row)


def test_old_log_becomes_the_same_as_a_fresh_one(tmp_path, log):
    """A log of the first format, made with the tables of that time, gets today's schema."""
    old = tmp_path / "old" / "lineage.duckdb"
    old.parent.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{old}' AS made (STORAGE_VERSION 'v1.5.0')")
        connection.execute("USE made")
        connection.execute(Path(__file__).with_name("format_1.sql").read_text(encoding="utf-8"))
        connection.execute("INSERT INTO store.meta VALUES ('format', '1')")
        connection.execute("INSERT INTO store.artifacts VALUES (1, 'file:///old', 'other', 0)")

    with store.writer(old):
        pass

    assert schema_of(old) == schema_of(log)
    with store.reader(old) as connection:
        assert store.fetch(connection, "SELECT uri FROM store.artifacts").rows == [("file:///old",)]
        assert store.fetch(
            connection, "SELECT value FROM store.meta WHERE key = 'format'"
        ).rows == [(str(definitions.FORMAT),)]


def test_migration_runs_each_missing_step_once_and_in_order(log, monkeypatch):
    """Steps between the format of the file and today's are run, others are not."""
    monkeypatch.setattr(definitions, "FORMAT", definitions.FORMAT + 2)
    steps = [
        (definitions.FORMAT - 2, "CREATE TABLE store.never (x INTEGER)"),
        (definitions.FORMAT - 1, "CREATE TABLE store.step (x INTEGER)"),
        (definitions.FORMAT, "ALTER TABLE store.step ADD COLUMN y INTEGER"),
    ]
    monkeypatch.setattr(definitions, "migrations", lambda: steps)

    for _ in range(2):
        with store.writer(log):
            pass

    with store.reader(log) as connection:
        columns = store.fetch(
            connection, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'step'"
        ).rows
        never = store.fetch(
            connection, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'never'"
        ).rows
    assert columns == [("x",), ("y",)]
    assert never == []


def test_failed_migration_leaves_the_log_as_it_was(log, monkeypatch):
    """A step that cannot be run rolls everything back."""
    before = schema_of(log)
    monkeypatch.setattr(definitions, "FORMAT", definitions.FORMAT + 1)
    broken = [
        (definitions.FORMAT, "CREATE TABLE store.half (x INTEGER); SELECT * FROM store.nowhere")
    ]
    monkeypatch.setattr(definitions, "migrations", lambda: broken)

    with pytest.raises(duckdb.Error), store.writer(log):
        pass

    assert schema_of(log) == before


def test_views_are_renewed_when_their_text_changes(log, monkeypatch):
    """Improved rules reach a log that was made with older ones."""
    text = definitions.derived() + "\nCREATE OR REPLACE VIEW added AS SELECT 7 AS x;"
    monkeypatch.setattr(definitions, "derived", lambda: text)

    with store.writer(log):
        pass

    with store.reader(log) as connection:
        assert store.fetch(connection, "SELECT x FROM added").rows == [(7,)]


def test_every_table_and_column_says_what_it_means(log):
    """Tables, views and their columns carry comments; a plain client shows them."""
    with duckdb.connect(str(log), read_only=True) as connection:
        silent = connection.execute(
            "SELECT t.schema_name, t.table_name, c.column_name"
            " FROM (SELECT schema_name, table_name, comment FROM duckdb_tables()"
            "   UNION ALL SELECT schema_name, view_name, comment FROM duckdb_views()"
            "   WHERE NOT internal) t"
            " LEFT JOIN duckdb_columns() c USING (schema_name, table_name)"
            " WHERE t.comment IS NULL OR (c.comment IS NULL AND NOT (t.schema_name = 'store'"
            "   AND t.table_name IN (SELECT view_name FROM duckdb_views()"
            "     WHERE schema_name = 'store')))"
        ).fetchall()

    assert silent == []


def test_public_surface_works_in_a_plain_client(log):
    """Views and macros need the engine alone."""
    code = (
        "import sys, duckdb\n"
        "c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "for v in 'executions artifacts versions accesses edges all_edges changes gaps'.split():\n"
        "    c.execute(f'SELECT * FROM {v} LIMIT 0')\n"
        "c.execute('FROM stale()')\n"
        "assert 'duckdb' in sys.modules and 'provfs' not in sys.modules\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 0, finished.stderr


def test_fetch_gives_times_as_aware_datetimes(log):
    """Zoned times arrive as UTC datetimes, to the microsecond, without another library."""
    with store.reader(log) as connection:
        rows = store.fetch(
            connection, "SELECT make_timestamptz(1700000000123456) AS t, 'x' AS name"
        )

    assert rows.columns == ("t", "name")
    assert rows.rows[0][0].isoformat() == "2023-11-14T22:13:20.123456+00:00"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT nonsense FROM nowhere", QueryError),
        ("FROM upstream('nothing.csv')", UnknownArtifactError),
        ("FROM history('twin.csv')", AmbiguousArtifactError),
        ("FROM upstream('a/twin.csv@9')", UnknownArtifactError),
    ],
)
def test_fetch_translates_what_the_engine_says(log, statement, error):
    """Errors of statements come as ours, with a next step."""
    with duckdb.connect(str(log)) as connection:
        for number, name in ((1, "a"), (2, "b")):
            connection.execute(
                "INSERT INTO store.artifacts VALUES (?, ?, 'dataset', 0, ?)",
                [number, f"file:///{name}/twin.csv", number],
            )
            connection.execute(
                "INSERT INTO store.places VALUES (?, ?)", [number, f"file:///{name}"]
            )
            connection.execute(
                "INSERT INTO store.versions"
                " VALUES (?, ?, 'd', 1, 'f', 'observed', 1, NULL, true, false)",
                [number, number],
            )

    with store.reader(log) as connection, pytest.raises(error) as caught:
        store.fetch(connection, statement)

    assert caught.value.hint
