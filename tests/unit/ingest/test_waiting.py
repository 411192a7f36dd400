"""Whether anything waits is found without taking a turn to write."""

from __future__ import annotations

import pytest

from provfs import ingest as ingestion
from provfs import process
from provfs.ingest import ingest
from provfs.log import store
from tests import builders as b


@pytest.fixture
def waits(settings):
    """Return a function that says whether an ingest would do anything."""

    def ask() -> bool:
        with store.reader(settings.log_path) as connection:
            return ingestion.is_any_waiting(connection, settings.journal_directory)

    return ask


def test_nothing_waits_behind_an_ingest(settings, put, waits):
    """Journals of processes that may go on writing are no reason to look again."""
    put(1, b.execution(1, 1))
    ingest(settings)

    assert not waits()


def test_new_lines_wait(settings, put, waits):
    """One more line is enough, half a line is not."""
    put(1, b.execution(1, 1))
    ingest(settings)

    put(1, tail=b'{"type":')
    half = waits()
    put(1, tail=b'"exit","execution":"x","at_ns":1}\n')

    assert not half
    assert waits()


def test_an_execution_that_is_over_with_a_file_open_waits(settings, put, waits):
    """Its last version has to be written, though no line says so."""
    put(1, b.execution(1, 1), b.opening(1, 1, "X", 5))
    ingest(settings)
    running = waits()
    with store.writer(settings.log_path) as connection:
        connection.execute("INSERT INTO store.exits (execution_id, ended_ns) VALUES (1, 9)")

    assert not running
    assert waits()


def test_a_log_with_the_rules_of_another_provfs_waits(settings, put, waits):
    """Whoever ingests renews them."""
    put(1, b.execution(1, 1))
    ingest(settings)
    with store.writer(settings.log_path) as connection:
        connection.execute("UPDATE store.meta SET value = 'x' WHERE key = 'derived'")

    assert waits()


def test_a_journal_whose_writer_is_gone_waits_to_be_put_aside(settings, waits):
    """Also where all of it is in the log."""
    name = f"{process.boot()}.999999999.1.0.jsonl"
    aside = settings.journal_directory / "ingested" / name
    (settings.journal_directory / name).write_bytes(b.lines([b.journal("x"), b.exit_(1, 9)]))
    ingest(settings)
    after = waits()
    aside.rename(settings.journal_directory / name)

    assert not after
    assert waits()
