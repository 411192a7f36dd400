"""Objects in a storage: written under no state, and with ETags that come back with a content."""

from __future__ import annotations

import pytest
from msgspec import structs

from provfs.ingest import ingest
from provfs.journal.record import Remove
from tests import builders as b

VERSIONS = (
    "SELECT ordinal, origin, digest IS NOT NULL FROM versions WHERE ends_with(uri, 'X') ORDER BY 1"
)
EDGES = """
    SELECT i.ordinal, right(o.uri, 1), o.ordinal FROM edges e
    JOIN versions i ON i.version_id = e.input_version_id
    JOIN versions o ON o.version_id = e.output_version_id
    WHERE ends_with(i.uri, 'X') ORDER BY ALL
"""


@pytest.fixture
def take(settings, put):
    """Return a function that takes records into the log, at once or in an ingest each."""

    def run(*records, at_once=True):
        for part in [records] if at_once else [[record] for record in records]:
            put(1, *part)
            ingest(settings)

    return run


def read_part(id_, opened_ns, etag, size_bytes=3):
    """Return a read of a part of X, of which the storage told the state."""
    return b.read(
        1, id_, "X", opened_ns, opened_ns + 1, fingerprint=etag, size_bytes=size_bytes, thread=id_
    )


def read_all(id_, opened_ns, etag, content):
    """Return a read of all of X."""
    return b.read(
        1, id_, "X", opened_ns, opened_ns + 1, fingerprint=etag, content=content, size_bytes=3
    )


def write(id_, opened_ns, content, etag=None, name="X"):
    """Return a write of an object."""
    return b.write(
        1, id_, name, opened_ns, opened_ns + 1, fingerprint=etag, content=content, size_bytes=3
    )


@pytest.mark.parametrize("at_once", [True, False])
def test_an_object_that_was_written_and_is_read_in_part_is_one_version(take, rows, at_once):
    """The storage says the state of an object when it is read, not always when it is written."""
    take(
        b.execution(1, 1),
        write(1, 10, "x"),
        read_part(2, 20, "etag:1"),
        write(3, 30, "o", name="O"),
        read_all(4, 40, "etag:1", "x"),
        read_part(5, 50, None),
        at_once=at_once,
    )

    assert rows(VERSIONS) == [(1, "written", True)]
    assert rows(EDGES) == [(1, "O", 1)]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("etag", [None, "etag:1"])
def test_the_same_content_written_again_is_another_version(take, rows, etag, at_once):
    """An ETag comes back with the content: a read meets what was written last before it."""
    take(
        b.execution(1, 1),
        write(1, 10, "x", etag),
        read_part(2, 20, "etag:1"),
        write(3, 30, "o", name="O"),
        write(4, 40, "x", etag),
        read_part(5, 50, "etag:1"),
        write(6, 60, "p", name="P"),
        at_once=at_once,
    )

    assert rows(VERSIONS) == [(1, "written", True), (2, "written", True)]
    found = rows(EDGES)
    assert (2, "P", 1) in found
    assert (2, "O", 1) not in found


@pytest.mark.parametrize(
    "other",
    [read_part(5, 30, "etag:2"), read_part(5, 30, "etag:2", 4), read_all(5, 30, "etag:2", "y")],
    ids=["other state", "other size", "other content"],
)
def test_what_somebody_else_stored_meanwhile_is_a_version_of_its_own(take, rows, other):
    """Only the first state that is met can be that of what was written."""
    take(b.execution(1, 1), write(1, 10, "x"), read_part(2, 20, "etag:1"), other)

    assert [row[:2] for row in rows(VERSIONS)] == [(1, "written"), (2, "observed")]


@pytest.mark.parametrize(
    "other",
    [read_part(5, 30, "etag:2", 4), read_all(5, 30, "etag:2", "y")],
    ids=["size", "content"],
)
def test_what_contradicts_a_write_is_no_read_of_it(take, rows, other):
    """Another size or another content was stored by somebody else."""
    take(b.execution(1, 1), write(1, 10, "x"), other)

    assert [row[:2] for row in rows(VERSIONS)] == [(1, "written"), (2, "observed")]


def test_an_object_that_was_removed_is_met_no_more(take, rows):
    """What is there after a removal was stored by somebody else."""
    take(
        b.execution(1, 1),
        b.execution(2, 1),
        write(1, 10, "x"),
        Remove(execution=b.execution_name(2), id=2, uri=b.uri("X"), at_ns=20, channel="fsspec"),
        read_part(3, 30, "etag:1"),
    )

    assert [row[:2] for row in rows(VERSIONS)] == [(1, "written"), (2, "observed")]


def test_a_copy_inside_a_storage_gets_its_digest_from_the_first_whole_read(take, rows):
    """Nobody saw its content when it was made."""
    take(
        b.execution(1, 1),
        structs.replace(write(1, 10, None), size_bytes=None),
        read_all(2, 20, "etag:1", "x"),
        read_part(3, 30, "etag:1"),
    )

    assert rows(VERSIONS) == [(1, "written", True)]


def test_content_that_is_read_and_stored_again_has_an_edge_to_itself_as_two_versions(take, rows):
    """The ETag of what was read before is no sign that it was written later."""
    take(b.execution(1, 1), read_all(1, 10, "etag:1", "x"), write(2, 20, "x", "etag:1"))

    assert [row[:2] for row in rows(VERSIONS)] == [(1, "observed"), (2, "written")]
    assert rows(EDGES) == [(1, "X", 2)]


def test_an_old_copy_in_a_cache_is_the_version_that_came_down(take, rows):
    """Its state leads to the read that filled the cache, also when the origin has changed since."""
    take(
        b.execution(1, 1),
        write(1, 10, "x"),
        read_all(2, 20, "copy:1:2:3:20:20", "x"),
        write(3, 30, "y"),
        read_all(4, 40, "copy:1:2:3:20:20", "x"),
        read_part(5, 50, "etag:1"),
        write(6, 60, "p", name="P"),
    )

    assert rows(VERSIONS) == [(1, "written", True), (2, "written", True)]
    assert rows("SELECT DISTINCT origin FROM versions") == [("written",)]
    assert [row for row in rows(EDGES) if row[1] == "P"] == [(1, "P", 1), (2, "P", 1)]
