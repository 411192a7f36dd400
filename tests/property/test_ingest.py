"""Ingest gives the same log however the bytes of the journals arrive."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provfs.config import Settings, prepare_home
from provfs.journal import reader
from provfs.journal.record import FORMAT, Journal, Record, encode
from provfs.model import ExecutionName
from tests import builders
from tests.property.history import World
from tests.property.strategies import examples, worlds

pytest.importorskip("provfs.ingest", exc_type=ImportError)

from provfs.ingest import ingest
from provfs.ingest.integrity import facts
from tests.property import log_reading


@pytest.fixture(autouse=True, scope="module")
def _slow_machine():
    """Give a running process time to tell that a rename has failed, however slow the test is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "UNSETTLED_NS", 3_600_000_000_000)
        yield


Facts = dict[str, list[tuple[object, ...]]]


def _facts(log_path: Path) -> Facts:
    with duckdb.connect(str(log_path), read_only=True) as connection:
        stored = [(table, *content) for table, content in facts(connection).items()]
        return {**log_reading.read_facts(connection), "stored tables": sorted(stored)}


def _assert_equal(found: Facts, expected: Facts) -> None:
    """Compare view by view, so that the first one that differs is named."""
    for view, rows in expected.items():
        assert found[view] == rows, f"the view {view} differs"


def _this_process() -> str:
    """Return the name of a writer that is alive: a journal of it may go on at any moment."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").replace("-", "")[:12]
    start = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    return str(ExecutionName(boot, os.getpid(), int(start)))


def _one_journal(records: list[Record]) -> bytes:
    """Return the bytes of a journal of this process about other executions, as `provfs run`
    writes.
    """
    first = Journal(
        execution=_this_process(),
        format=FORMAT,
        provfs="0",
        host=builders.HOST,
        boot=builders.BOOT,
        clock="boottime",
        at_ns=0,
        offset_ns=builders.OFFSET_NS,
    )
    return encode(first) + builders.lines(records)


@examples(15)
@given(worlds())
def test_ingest_twice_equals_once(world: World) -> None:
    """A second ingest finds nothing new and changes nothing."""
    with tempfile.TemporaryDirectory(prefix="property-") as directory:
        home = Path(directory) / "home"
        path = log_reading.ingested(world, home)
        once = _facts(path)

        ingest(Settings(home=home))

        _assert_equal(_facts(path), once)


@examples(15)
@given(worlds(), st.lists(st.floats(0, 1), max_size=4))
def test_ingest_in_parts_equals_ingest_at_once(world: World, cuts: list[float]) -> None:
    """Wherever the growing journal is cut, at a line's end or within a line, the log is the
    same.
    """
    content = _one_journal([record for _, record in world.records])
    marks = sorted({0, len(content), *(int(cut * len(content)) for cut in cuts)})
    with tempfile.TemporaryDirectory(prefix="property-") as directory:
        whole, parts = (Settings(home=Path(directory) / name) for name in ("whole", "parts"))
        name = f"{_this_process().replace('-', '.')}.0.jsonl"
        for place, slices in ((whole, [(0, len(content))]), (parts, pairwise(marks))):
            prepare_home(place)
            for start, end in slices:
                with (place.journal_directory / name).open("ab") as file:
                    file.write(content[start:end])
                ingest(place)

        _assert_equal(_facts(parts.log_path), _facts(whole.log_path))


@examples(15)
@given(worlds(), st.randoms(use_true_random=False))
def test_ingest_order_of_journals_does_not_matter(world: World, random: object) -> None:
    """The journals of one ingest may be listed in any order."""
    journals = list(world.journals().values())
    random.shuffle(journals)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(prefix="property-") as directory:
        at_once = log_reading.ingested(world, Path(directory) / "at-once")
        settings_ = Settings(home=Path(directory) / "in-order")
        prepare_home(settings_)
        for place, records in enumerate(journals):
            builders.write_journal(settings_.home, place, records)
        ingest(settings_)

        _assert_equal(_facts(settings_.log_path), _facts(at_once))
