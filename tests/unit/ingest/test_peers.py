"""Ranks of one distributed job as one program that spans hosts: the rule `peer`."""

from __future__ import annotations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from provfs.journal.record import Execution
from tests import builders as b

F = b.fingerprint
ALL = "SELECT input_uri, output_uri, rule, confidence::DOUBLE FROM all_edges ORDER BY ALL"


def _rank(pid: int, started_ns: int, rank: int | None, key: str = "j", **more: object) -> Execution:
    execution = b.execution(pid, started_ns, parent=more.pop("parent", None))  # type: ignore[arg-type]
    return structs.replace(execution, job_system="torchrun", job_key=key, rank=rank, **more)


def _reader(pid: int) -> object:
    return b.read(pid, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a")


def _writer(pid: int, closed_ns: int = 40) -> object:
    return b.write(pid, 1, "M", 30, closed_ns, fingerprint=F(2, 3, 39), content="m")


def test_rank_writes_what_other_ranks_have_read(settings, put, rows):
    """The checkpoint of rank 0 depends on the shard that rank 1 had read before it was closed."""
    put(1, _rank(1, 1, 0), _writer(1))
    put(2, _rank(2, 2, 1), _reader(2), b.read(2, 2, "B", 50, 60, fingerprint=F(4, 3, 5)))

    ingest(settings)

    assert rows(ALL) == [("A", "M", "peer", 0.8)]
    assert rows("SELECT uri, rule, confidence::DOUBLE FROM upstream('M')") == [("A", "peer", 0.8)]
    assert rows("SELECT uri, rule, confidence::DOUBLE FROM downstream('A')") == [("M", "peer", 0.8)]
    assert rows("SELECT uri FROM downstream('B')") == []


@pytest.mark.parametrize(
    "other",
    [
        _rank(2, 2, 1, key="another job"),
        _rank(2, 2, 0),
        _rank(2, 2, None),
        structs.replace(_rank(2, 2, 1), job_system="slurm"),
    ],
    ids=["other-key", "same-rank", "no-rank", "other-system"],
)
def test_processes_that_are_no_ranks_of_one_job_are_no_peers(settings, put, rows, other):
    """Steps of one batch script have its variables, but no ranks that differ."""
    put(1, _rank(1, 1, 0), _writer(1))
    put(2, other, _reader(2))

    ingest(settings)

    assert rows(ALL) == []


def test_job_with_the_same_key_at_another_time_is_another_job(settings, put, rows):
    """A launcher that gives every run the same name does not join runs that followed each other."""
    put(2, _rank(2, 2, 1), _reader(2), b.exit_(2, 25))
    put(1, _rank(1, 28, 0), _writer(1))

    ingest(settings)

    assert rows(ALL) == []


def test_child_of_a_rank_is_no_rank(settings, put, rows):
    """What a rank starts inherits its variables; it reaches other ranks through its parent only."""
    put(1, _rank(1, 1, 0), _writer(1), b.wait(1, 3, 35))
    put(2, _rank(2, 2, 1), b.write(2, 1, "N", 30, 40, fingerprint=F(3, 3, 39), content="n"))
    put(3, _rank(3, 3, 0, parent=1), _reader(3), b.exit_(3, 30))

    ingest(settings)

    assert rows(ALL) == [("A", "M", "child", 0.6)]


def test_rank_that_arrives_later_joins_its_job(settings, put, rows):
    """Journals of several hosts come one by one."""
    put(1, _rank(1, 1, 0), _writer(1))
    ingest(settings)
    put(2, _rank(2, 2, 1), _reader(2))
    ingest(settings)

    assert rows(ALL) == [("A", "M", "peer", 0.8)]
