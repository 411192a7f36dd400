"""The log is written anew, whole or not at all, and old detail goes from it where asked."""

import os
import resource
import signal
import socket
import subprocess
import sys

import duckdb
import pytest

from provfs.errors import LogError
from provfs.ingest import compact, ingest, preview, rebuild, verify
from provfs.log import store
from tests import builders as b


@pytest.fixture
def story(put, settings, monkeypatch):
    """Ingest two programs: 1 reads A twice and writes B, 2 reads B and C and writes nothing."""
    monkeypatch.setattr(socket, "gethostname", lambda: b.HOST)
    state = {name: b.fingerprint(n, 3, n) for n, name in enumerate("abc", 5)}
    put(
        1,
        b.execution(1, 10),
        b.read(1, 1, "a", 20, 21, fingerprint=state["a"], content="aaa"),
        b.read(1, 2, "a", 25, 26, fingerprint=state["a"], content="aaa"),
        b.write(1, 3, "b", 30, 31, fingerprint=state["b"], content="bbb"),
    )
    put(
        2,
        b.execution(2, 40),
        b.read(2, 1, "b", 41, 42, fingerprint=state["b"], content="bbb"),
        b.read(2, 2, "c", 43, 44, fingerprint=state["c"], content="ccc"),
    )
    ingest(settings)


def _read(pid, id_, name, at):
    return b.read(pid, id_, name, at, at + 1, fingerprint=b.fingerprint(at, 1, at), content=name)


def _tables(settings):
    """Return all rows of all stored tables."""
    with store.reader(settings.log_path) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'store'"
        ).fetchall()
        return {
            name: sorted(connection.execute(f"FROM store.{name}").fetchall(), key=repr)
            for (name,) in names
        }


_READS = """
SELECT pid, uri, opens FROM accesses JOIN executions USING (execution_id)
WHERE mode = 'read' ORDER BY ALL"""


def test_compacted_log_holds_the_same_rows(story, settings):
    """Ids, places in journals and the identity of the log stay; what comes later is taken in."""
    before = _tables(settings)

    done = compact(settings)

    assert _tables(settings) == before
    assert done.retention is None
    assert done.after_bytes == settings.log_path.stat().st_size
    assert oct(settings.log_path.stat().st_mode)[-3:] == "600"
    assert ingest(settings).records == 0


def test_log_of_many_pieces_becomes_smaller(story, settings, put):
    """Rows that many ingests wrote one by one take less room when they are written at once."""
    for number in range(5):
        put(3, *([b.execution(3, 50)] if not number else []),
            _read(3, number, f"f{number}", 60 + number))  # fmt: skip
        ingest(settings)

    done = compact(settings)

    assert done.after_bytes < done.before_bytes


def test_reads_without_effect_go_and_others_are_merged(story, settings, rows):
    """Who wrote nothing afterwards is not told any more; what was written keeps its inputs."""
    edges = rows("SELECT input_uri, output_uri, rule, confidence FROM edges")

    gone = compact(settings, keep_days=0).retention

    assert (gone.reads, gone.without_effect, gone.merged) == (4, 2, 1)
    assert rows(_READS) == [(1, "a", 2)]
    assert rows("SELECT input_uri, output_uri, rule, confidence FROM edges") == edges != []
    assert rows("SELECT count(*) FROM versions") == [(3,)]
    assert rows("SELECT count(*) FROM executions") == [(2,)]


def test_dry_run_counts_and_changes_nothing(story, settings):
    """The counts are those of the real run; the log keeps every row."""
    before = _tables(settings)

    told = preview(settings, 0)

    assert _tables(settings) == before
    assert told[1:] == compact(settings, keep_days=0).retention[1:]


def test_recent_reads_stay(story, settings):
    """Nothing is older than the days that are to be kept, so that nothing goes."""
    before = _tables(settings)["reads"]

    gone = compact(settings, keep_days=100_000).retention

    assert gone[1:] == (0, 0, 0, 0)
    assert _tables(settings)["reads"] == before


def test_reads_of_a_running_program_stay(story, settings, monkeypatch, rows):
    """A program that is not known to have ended may still write."""
    monkeypatch.setattr(socket, "gethostname", lambda: "another-host")

    compact(settings, keep_days=0)

    assert rows(_READS) == [(1, "a", 2), (2, "b", 1), (2, "c", 1)]


def test_reads_below_a_running_parent_stay(settings, put, monkeypatch, rows):
    """A child has ended, its parent has not: the parent may wait for it and write."""
    monkeypatch.setattr(socket, "gethostname", lambda: "another-host")
    put(1, b.execution(1, 10))
    put(2, b.execution(2, 20, parent=1), _read(2, 1, "a", 21), b.exit_(2, 30))
    ingest(settings)

    compact(settings, keep_days=0)

    assert rows(_READS) == [(2, "a", 1)]


def test_verify_knows_what_was_let_go(story, settings, rows):
    """What retention took is no disagreement; an edge that is edited afterwards is one."""
    compact(settings, keep_days=0)

    assert verify(settings, with_files=False).findings == ()
    with duckdb.connect(str(settings.log_path)) as connection:
        connection.execute("UPDATE store.reads SET opened_ns = opened_ns + 1")
    assert [f.what for f in verify(settings, with_files=False).findings] == ["reads"]


def test_rebuild_brings_everything_back(story, settings, rows):
    """The journals keep what was let go."""
    before = rows(_READS)
    compact(settings, keep_days=0)

    rebuild(settings)

    assert rows(_READS) == before
    assert verify(settings, with_files=False).findings == ()


@pytest.mark.parametrize("work", [compact, rebuild])
def test_full_disk_leaves_the_old_log(story, settings, work):
    """Where the new log finds no room the old one stays as it was, alone."""
    before = _tables(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(LogError, match="cannot"):
            work(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert _tables(settings) == before
    assert _strays(settings) == []


def test_full_disk_at_ingest_loses_nothing(story, settings, put):
    """What could not be taken in is taken in when there is room again."""
    before = _tables(settings)
    many = [_read(3, n, f"f{n}", 60 + n) for n in range(3000)]
    put(3, b.execution(3, 50), *many)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises((LogError, OSError)):
            ingest(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert _tables(settings) == before
    assert ingest(settings).records == 3001 + 1
    assert _strays(settings) == []


_KILLED = """
import os, signal, sys
from pathlib import Path
from provfs.config import Settings
from provfs.ingest import compact, ingest, rebuild

def at(event, arguments):
    if event == sys.argv[3] and sys.argv[4] in os.fspath(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(at)
{"compact": compact, "rebuild": rebuild, "ingest": ingest}[sys.argv[1]](
    Settings(home=Path(sys.argv[2]))
)
"""


@pytest.mark.parametrize(
    ("work", "event", "what"),
    [
        ("compact", "os.rename", "/lineage.duckdb.{pid}.new"),
        ("compact", "os.rename", "compact-"),
        ("rebuild", "os.rename", "rebuild-"),
        ("rebuild", "open", "ingest-"),
        ("ingest", "open", "ingest-"),
    ],
)
def test_kill_leaves_the_old_log_and_is_cleaned_up(story, settings, put, work, event, what):
    """Killed before the last step, the log is as before; what lies about goes with the next run."""
    before = _tables(settings)
    put(4, b.execution(4, 70), _read(4, 1, "d", 71))
    command = [sys.executable, "-c", _KILLED, work, settings.home, event, what.split("{")[0]]
    died = subprocess.run(command, check=False)

    assert died.returncode == -signal.SIGKILL
    assert _tables(settings) == before
    ingest(settings)
    assert _strays(settings) == []
    assert len(_tables(settings)["reads"]) == len(before["reads"]) + 1


def _strays(settings):
    expected = {"journal", "lineage.duckdb", "gate", "use", "config.toml"}
    return sorted(set(os.listdir(settings.home)) - expected)
