"""What several journals tell of one file is put together, in whatever ingests they come."""

from __future__ import annotations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from provfs.ingest.steps import text
from provfs.journal.record import Change, Remove
from provfs.log import store
from tests import builders as b

TMP, MOVED = b.fingerprint(1, 3, 19), b.fingerprint(1, 3, 19, 31)
VERSIONS = (
    "SELECT uri, origin, pid, v.ended_at IS NOT NULL FROM versions v LEFT JOIN executions e"
    " ON e.execution_id = v.execution_id ORDER BY ALL"
)
UPSTREAM = "SELECT uri FROM upstream('file:///work/y') ORDER BY ALL"
CHANGES = "SELECT kind, pid FROM changes LEFT JOIN executions USING (execution_id) ORDER BY ALL"


def _told(pid, at_ns, kind, name, to=None):
    """Return what an agent tells that knows no process."""
    return Change(
        execution=b.execution_name(pid), id=1, uri=b.uri(name), kind=kind, at_ns=at_ns,
        to=to and b.uri(to), fingerprint=TMP, channel="agent",
    )  # fmt: skip


def _remove(pid, at_ns, name, fingerprint, channel="open"):
    return Remove(
        execution=b.execution_name(pid), id=at_ns, uri=b.uri(name), at_ns=at_ns,
        fingerprint=fingerprint, channel=channel,
    )  # fmt: skip


def _write(pid, name, at_ns=20, state=TMP):
    return b.write(pid, at_ns, name, 10, at_ns, fingerprint=state, content="x", size_bytes=3)


def _rename(pid, at_ns=30, state=TMP):
    return b.rename(pid, at_ns, "x.tmp", "x", at_ns, fingerprint=state)


ALONE = b.execution(2, 5)
WORKER = b.execution(2, 5, program=1, parent=1)
MOVER = (1, b.execution(1, 1), _rename(1))
READER = (
    3,
    b.execution(3, 1),
    b.read(3, 5, "x", 50, 51, fingerprint=MOVED, content="x", size_bytes=3),
    b.write(3, 6, "y", 55, 60, fingerprint=b.fingerprint(3, 3, 60), content="y", size_bytes=3),
)
BY_WORKER, BY_OTHER = (2, WORKER, _write(2, "x.tmp")), (2, ALONE, _write(2, "x.tmp"))
Y = ("y", "written", 3, False)
NEXT = b.fingerprint(2, 3, 49)

CASES = {
    "of the same program, writer last": (
        [READER, MOVER, BY_WORKER],
        [("x", "renamed", 2, False), Y],
        [("renamed", 1)],
    ),
    "of the same program, rename last": (
        [BY_WORKER, READER, MOVER],
        [("x", "renamed", 2, False), Y],
        [("renamed", 1)],
    ),
    "of another program, writer last": (
        [READER, MOVER, BY_OTHER],
        [("x", "renamed", 2, False), ("x.tmp", "written", 2, True), Y],
        [("renamed", 1)],
    ),
    "twice": (
        [READER, (*MOVER, _rename(1, 60, NEXT)), (*BY_WORKER, _write(2, "x.tmp", 49, NEXT))],
        [("x", "renamed", 2, False), ("x", "renamed", 2, True), Y],
        [("renamed", 1), ("renamed", 1)],
    ),
    "and removed by another": (
        [(4, b.execution(4, 1), _remove(4, 60, "x", MOVED)), MOVER, BY_WORKER],
        [("x", "renamed", 2, True)],
        [("removed", 4), ("renamed", 1)],
    ),
    "and removed, told by two": (
        [
            (9, _told(9, 61, "removed", "x.tmp")),
            (4, b.execution(4, 1), _remove(4, 60, "x.tmp", TMP)),
            BY_OTHER,
        ],
        [("x.tmp", "written", 2, True)],
        [("removed", 4)],
    ),
    "told by the agent first": (
        [READER, (9, _told(9, 31, "renamed", "x.tmp", "x")), BY_WORKER, MOVER],
        [("x", "renamed", 2, False), Y],
        [("renamed", 1)],
    ),
    "told by the agent last": (
        [BY_OTHER, MOVER, (9, _told(9, 31, "renamed", "x.tmp", "x"))],
        [("x", "renamed", 2, False), ("x.tmp", "written", 2, True)],
        [("renamed", 1)],
    ),
    "of two channels": (
        [(1, structs.replace(_rename(1, 31), channel="agent")), MOVER, BY_OTHER],
        [("x", "renamed", 2, False), ("x.tmp", "written", 2, True)],
        [("renamed", 1)],
    ),
    "and removed, told by two channels": (
        [
            (4, b.execution(4, 1), _write(4, "x"), _remove(4, 60, "x", TMP)),
            (4, _remove(4, 61, "x", TMP, "agent")),
        ],
        [],
        [("removed", 4)],
    ),
}


def _facts(settings):
    with store.reader(settings.log_path) as connection:
        for table in ("reads", "changes"):
            connection.execute(f"CREATE TEMP VIEW kept_{table} AS FROM store.{table}")
        return set(connection.execute(text("facts")).fetchall())


@pytest.mark.parametrize(("journals", "versions", "changes"), CASES.values(), ids=CASES)
def test_a_rename_is_put_together_from_ingests_in_any_order(
    settings, put, rows, journals, versions, changes
):
    """The log holds what it would had all journals come at once, and that is what happened."""
    for pid, *records in journals:
        put(pid, *records)
        ingest(settings)
    bit_by_bit = _facts(settings)
    found = rows(VERSIONS), rows(CHANGES)
    walked = rows(UPSTREAM) if Y in versions else []
    settings.log_path.unlink()
    ingest(settings)

    assert found == (versions, changes)
    assert bit_by_bit == _facts(settings)
    assert walked == (rows(UPSTREAM) if Y in versions else [])
    assert ("x",) in walked or Y not in versions


@pytest.mark.parametrize("is_told_first", [True, False])
def test_a_change_is_of_the_program_that_wrote_whenever_that_is_told(
    settings, put, rows, is_told_first
):
    """The agent that saw it need not have known."""
    told = [(9, _told(9, 21, "modified", "x")), (1, b.execution(1, 1), _write(1, "x"))]

    for pid, *records in told if is_told_first else reversed(told):
        put(pid, *records)
        ingest(settings)

    assert rows(CHANGES) == [("modified", 1)]
