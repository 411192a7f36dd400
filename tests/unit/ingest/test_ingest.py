"""Ingest: exactly once, whatever the journals look like and whenever it is interrupted."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import duckdb
import pytest

from provfs import process
from provfs.errors import LogError
from provfs.ingest import ingest, pipeline
from provfs.journal.record import encode
from provfs.scope import KINDS, KindRules
from tests import builders as b

F = b.fingerprint
EDGES = "SELECT input_uri, output_uri, rule, confidence FROM edges ORDER BY ALL"


def test_ingest_of_nothing_makes_an_empty_log(settings, rows):
    """The first command on a fresh home finds an empty log, not an error."""
    report = ingest(settings)

    assert (report.records, report.broken) == (0, 0)
    assert rows("SELECT count(*) FROM versions") == [(0,)]


def test_ingest_twice_takes_nothing_twice(settings, put, rows):
    """What is in the log is not taken again."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
    )

    first, second = ingest(settings), ingest(settings)

    assert (first.records, second.records) == (3, 0)
    assert rows("SELECT count(*) FROM accesses") == [(1,)]


def test_ingest_waits_for_the_end_of_a_torn_line(settings, put, rows):
    """A record whose end is not written yet is taken when it is."""
    line = encode(b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"))
    put(1, b.execution(1, 1), tail=line[:20])
    torn = ingest(settings)

    put(1, tail=line[20:])
    whole = ingest(settings)

    assert (torn.records, torn.broken, whole.records, whole.broken) == (2, 0, 1, 0)
    assert rows("SELECT count(*) FROM accesses") == [(1,)]


@pytest.mark.parametrize(
    "broken",
    [
        b'{"type":"acc\n',
        b"\xff\xfe\x00garbage\n",
        b"[]\n",
        b"\x00" * 100 + b"\n",
        b'{"type":"unknown","execution":"x"}\n',
        b'{"type":"access","execution":"x","id":"seven"}\n',
        b'{"uri":"\\ud800"}\n',
    ],
)
def test_ingest_reports_a_broken_line_and_takes_the_rest(settings, broken, put, rows):
    """A line that is no record is a gap that names journal and byte; its neighbours are taken."""
    path = put(1, b.execution(1, 1), tail=broken)
    offset = path.stat().st_size - len(broken)
    put(1, b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"))

    report = ingest(settings)

    assert report.broken == 1
    assert rows("SELECT count(*) FROM accesses") == [(1,)]
    ((kind, detail),) = rows("SELECT kind, detail FROM gaps")
    assert kind == "broken-line"
    assert detail.startswith(f"{path.name} at byte {offset}:")


def test_ingest_leaves_journals_of_a_newer_format_alone(settings, put):
    """A journal that a newer provfs writes waits for a newer provfs; others are taken."""
    header = encode(b.journal(b.execution_name(2))).replace(b'"format":1', b'"format":99')
    newer = settings.journal_directory / f"{b.BOOT}.2.20.0.jsonl"
    newer.write_bytes(header + b"{}\n")
    put(1, b.execution(1, 1))

    report = ingest(settings)

    assert [(item.path, "99" in item.reason) for item in report.unreadable] == [(newer, True)]
    assert report.records == 2


def test_ingest_interrupted_before_the_commit_loses_and_doubles_nothing(
    settings, monkeypatch, put, rows
):
    """An error in any step leaves the log as it was, and the next ingest takes everything."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
    )
    ingest(settings)
    put(1, b.write(1, 2, "X", 30, 40, fingerprint=F(2, 3, 40), content="x", size_bytes=3))
    run = pipeline.run
    full = duckdb.IOException("No space left on device")

    def fail(connection, step, **parameters):
        if step == "store":
            raise full
        run(connection, step, **parameters)

    monkeypatch.setattr(pipeline, "run", fail)
    with pytest.raises(LogError, match="No space left") as caught:
        ingest(settings)
    assert "nothing was lost" in caught.value.hint
    assert rows("SELECT count(*) FROM versions") == [(1,)]

    monkeypatch.setattr(pipeline, "run", run)
    ingest(settings)

    assert rows(EDGES) == [("A", "X", "same-process", 1.0)]


KILLED = """
import os, sys
from pathlib import Path
from provfs.config import Settings
from provfs.ingest import ingest, pipeline
run = pipeline.run
def stop(connection, step, **parameters):
    run(connection, step, **parameters)
    if step == sys.argv[2]:
        os.kill(os.getpid(), 9)
pipeline.run = stop
ingest(Settings(home=Path(sys.argv[1])))
"""


@pytest.mark.parametrize("step", ["executions", "writes", "contents", "store"])
def test_ingest_killed_in_any_step_can_be_repeated(settings, step, put, rows):
    """SIGKILL in the middle of an ingest leaves a log that the next one completes."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
        b.write(1, 2, "X", 30, 40, fingerprint=F(2, 3, 40), content="x"),
    )

    killed = subprocess.run([sys.executable, "-c", KILLED, str(settings.home), step], check=False)
    ingest(settings)

    assert killed.returncode == -9
    assert rows(EDGES) == [("A", "X", "same-process", 1.0)]
    assert rows("SELECT count(*) FROM accesses") == [(2,)]


def test_ingest_by_two_at_once_takes_everything_once(settings, put, rows):
    """Two that ingest at the same time take turns."""
    for pid in range(1, 30):
        put(
            pid,
            b.execution(pid, pid),
            b.read(pid, 1, "A", 100, 120, fingerprint=F(1, 3, 5), content="a"),
        )
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(ingest(settings))) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(report.records for report in reports) == [0, 87]
    assert rows("SELECT count(*) FROM accesses") == [(29,)]


def test_journal_of_a_process_that_is_over_is_put_aside(settings):
    """A journal with nothing to come leaves the directory that is listed; nothing is deleted."""
    name = f"{process.boot()}.999999999.1.0.jsonl"
    path = settings.journal_directory / name
    path.write_bytes(encode(b.journal("aaaaaaaaaaaa-1-1")))

    ingest(settings)

    assert not path.exists()
    assert (settings.journal_directory / "ingested" / name).exists()


def test_last_record_of_a_writer_that_ends_during_an_ingest_is_not_put_aside(
    settings, monkeypatch, rows
):
    """A record that comes after the journal was taken, before its writer ends, is taken next."""
    path = settings.journal_directory / f"{process.boot()}.999999999.1.0.jsonl"
    path.write_bytes(encode(b.journal("aaaaaaaaaaaa-1-1")))
    last = encode(b.execution(1, 1))

    def ends_now(name):
        if name.pid == 999999999 and last not in path.read_bytes():
            with path.open("ab") as journal:
                journal.write(last)
        return True

    monkeypatch.setattr(process, "is_over", ends_now)

    ingest(settings)
    ingest(settings)

    assert rows("SELECT pid FROM executions") == [(1,)]


def test_journal_of_a_newer_format_is_kept_for_a_newer_version(settings):
    """A journal that cannot be taken yet stays where it is, also when its writer is over."""
    header = encode(b.journal(b.execution_name(2))).replace(b'"format":1', b'"format":99')
    path = settings.journal_directory / f"{process.boot()}.999999999.1.0.jsonl"
    path.write_bytes(header + b"{}\n{")

    report = ingest(settings)

    assert [item.path for item in report.unreadable] == [path]
    assert path.exists()


@pytest.mark.parametrize("tail", [b"", b'{"type":"jour'])
def test_journal_that_its_writer_could_not_complete_is_a_gap_once(settings, rows, tail):
    """What a full disk or a kill has cut off is reported, not awaited for ever."""
    name = f"{process.boot()}.999999999.1.0.jsonl"
    (settings.journal_directory / name).write_bytes(tail)

    for _ in range(2):
        ingest(settings)

    assert rows("SELECT kind, detail FROM gaps") == [
        ("torn-journal", f"{name} at byte 0: ends without a complete line")
    ]
    assert not (settings.journal_directory / name).exists()


def test_opening_without_an_end_is_an_incomplete_version_once_the_writer_is_over(
    settings, put, rows
):
    """A writer that was killed leaves a version marked incomplete, with its inputs."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
        b.opening(1, 2, "X", 30),
    )
    ingest(settings)
    running = rows("SELECT count(*) FROM versions WHERE uri LIKE '%/X'")

    put(2, b.execution(2, 1), b.wait(2, 1, 90, exit_code=-9))
    ingest(settings)

    assert running == [(0,)]
    assert rows("SELECT uri, complete FROM versions WHERE NOT complete") == [("X", False)]
    assert rows(EDGES) == [("A", "X", "same-process", 1.0)]
    assert rows("SELECT exit_code FROM executions WHERE pid = 1") == [(-9,)]


def test_log_and_home_are_as_private_as_promised(settings):
    """The log can be read by its owner alone."""
    ingest(settings)

    assert settings.log_path.stat().st_mode & 0o077 == 0
    assert settings.home.stat().st_mode & 0o077 == 0
    shutil.rmtree(settings.home)


def test_access_is_taken_however_its_line_is_written(settings, put, rows):
    """A line of JSON with other spaces or another order of fields is the same record."""
    line = encode(b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"))
    spaced = line.replace(b'{"type":"access",', b'{ "type": "access", ')
    turned = line.replace(b'{"type":"access",', b"{").replace(b"}\n", b',"type":"access"}\n')
    put(1, b.execution(1, 1), tail=spaced + turned + line)

    report = ingest(settings)

    assert (report.records, report.broken) == (5, 0)
    assert rows("SELECT uri, mode, opens FROM accesses") == [("A", "read", 1)] * 3


def test_kinds_in_the_log_are_those_of_the_rules(settings, put, rows):
    """What the engine matches and what Python matches is the same kind for every name."""
    suffixes = (
        *("csv", "JSON", "yaml", "txt", "bin", "npz", "h5", "parquet", "pt", "pkl", "cfg", "gz"),
        *("csv.gz", "mp4", "zarr/0.0", "db", "md", "tfevents.1", "out.tfevents.9", "safetensors"),
    )
    stems = ("a", "Metrics", "eval_x", "x-params", "model_1", "config", "events", "weightsx", "é")
    names = [f"{stem}.{suffix}" for stem in stems for suffix in suffixes]
    chosen = settings._replace(kinds=(("*_x.csv", "model"), ("a.?sv*", "config")))
    put(
        1,
        b.execution(1, 1),
        *(
            b.read(1, place, name, 10, 20, fingerprint=F(place, 3, 5))
            for place, name in enumerate(names, 1)
        ),
    )

    ingest(chosen)

    rules = KindRules(chosen.kinds)
    found = dict(rows("SELECT uri, kind FROM artifacts"))
    assert len(found) == len(names)
    assert found == {name: rules.kind_of(f"file:///work/{name}") for name in found}
    assert set(found.values()) == set(KINDS)
