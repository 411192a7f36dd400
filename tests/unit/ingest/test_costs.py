"""Local changes and costs, for an execution and for all below it."""

from __future__ import annotations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from provfs.log import store
from provfs.queries import lineage
from tests import builders as b


def _with(record, **fields):
    return structs.replace(record, **fields)


def _used(record, cpu_s, read_bytes):
    return _with(record, cpu_s=cpu_s, read_bytes=read_bytes, written_bytes=0, max_rss_bytes=9)


def test_local_changes_reach_what_runs_below_of_the_same_commit(settings, put, rows):
    """They were looked for once, when the run began; another repository has its own answer."""
    put(
        1,
        _with(b.execution(1, 1), git_commit="c"),
        _with(b.execution(1, 1), git_commit=None, git_dirty=True),
    )
    put(2, b.execution(2, 2, parent=1))
    put(3, _with(b.execution(3, 3, parent=2), git_commit="c"))
    put(4, _with(b.execution(4, 4, parent=3), git_commit="other"))
    put(5, _with(b.execution(5, 5), git_commit="c"))

    ingest(settings)

    assert rows("SELECT pid, git_dirty FROM executions ORDER BY pid") == [
        (1, True),
        (2, None),
        (3, True),
        (4, None),
        (5, None),
    ]


@pytest.mark.parametrize("killed", [False, True])
def test_costs_of_a_tree_count_once(settings, put, rows, killed):
    """A parent's bytes hold those of the children that it waited for, but sums not twice."""
    put(
        1,
        b.execution(1, 1),
        _used(b.wait(1, 2, 50), 3.0, 700),
        _used(b.exit_(1, 60), 1.0, 1000),
    )
    put(2, b.execution(2, 2, parent=1), _used(b.wait(2, 3, 40), 2.0, 400))
    if not killed:
        put(2, _used(b.exit_(2, 45), 1.0, 700))
    put(3, b.execution(3, 3, parent=2))

    ingest(settings)

    assert rows("SELECT cpu_s, read_bytes FROM costs ORDER BY execution_id") == [
        (1.0, 300),
        (1.0, 300),
        (2.0, 400),
    ]
    with store.reader(settings.log_path) as connection:
        (total,) = lineage.ask(connection, "tree_cost", 1).dicts()
    assert (total["executions"], total["cpu_s"], total["read_bytes"]) == (3, 4.0, 1000)
