"""Which versions the records of a journal become, and which edges between them."""

from __future__ import annotations

import os

import pytest
from msgspec import structs

from provfs.digest import fingerprint_of
from provfs.ingest import ingest
from provfs.journal.record import Remove
from tests import builders as b

F = b.fingerprint
EDGES = "SELECT input_uri, output_uri, rule, confidence FROM edges ORDER BY ALL"


def test_touched_file_stays_the_same_version(settings, put, rows):
    """Other times with the same content are no new version; other content is."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
        b.read(1, 2, "A", 30, 40, fingerprint=F(1, 3, 25), content="a"),
        b.read(1, 3, "A", 50, 60, fingerprint=F(1, 3, 45), content="b"),
        b.read(1, 4, "A", 70, 80, fingerprint=F(1, 3, 65), content="a"),
    )

    ingest(settings)

    assert rows("SELECT ordinal, origin FROM versions ORDER BY 1") == [
        (1, "observed"),
        (2, "observed"),
        (3, "observed"),
    ]


def test_version_read_before_its_writer_was_known_becomes_the_writers(settings, put, rows):
    """When the reader's journal comes first, the version is not made twice."""
    put(
        2,
        b.execution(2, 45),
        b.read(2, 1, "X", 50, 60, fingerprint=F(2, 3, 40), content="x"),
    )
    ingest(settings)
    put(
        1,
        b.execution(1, 1),
        b.write(1, 2, "X", 30, 40, fingerprint=F(2, 3, 40), content="x"),
    )
    ingest(settings)

    assert rows("SELECT origin, execution_id IS NULL FROM versions") == [("written", False)]
    assert rows("SELECT count(DISTINCT version_id) FROM accesses") == [(1,)]


def test_renamed_directory_moves_every_file_below_it(settings, put, rows):
    """A directory that is written under a temporary name and moved leaves only the final names."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 20, fingerprint=F(1, 3, 5), content="a"),
        b.write(1, 2, "d.tmp/x", 30, 40, fingerprint=F(2, 3, 40), content="x"),
        b.write(1, 3, "d.tmp/s/y", 50, 60, fingerprint=F(3, 3, 60), content="y"),
        b.rename(1, 4, "d.tmp", "d", 70, fingerprint=None),
    )

    ingest(settings)

    assert rows("SELECT uri FROM artifacts ORDER BY 1") == [("A",), ("d/s/y",), ("d/x",)]
    assert [row[:2] for row in rows(EDGES)] == [("A", "d/s/y"), ("A", "d/x")]


@pytest.mark.parametrize("parts", [1, 5])
def test_renamed_directory_leaves_behind_what_was_gone_before(settings, put, rows, parts):
    """What was removed from a directory, or moved out of it, does not come along with it."""
    records = [
        b.execution(1, 1),
        b.write(1, 1, "d/kept", 10, 20, fingerprint=F(1, 3, 20), content="k"),
        b.write(1, 2, "d/removed", 30, 40, fingerprint=F(2, 3, 40), content="r"),
        b.write(1, 3, "d/out", 50, 60, fingerprint=F(3, 3, 60), content="o"),
        b.write(1, 4, "d/again", 62, 63, fingerprint=F(4, 3, 63), content="a"),
        Remove(
            execution=b.execution_name(1), id=5, uri=b.uri("d/removed"), at_ns=70, channel="open"
        ),
        Remove(execution=b.execution_name(1), id=6, uri=b.uri("d/again"), at_ns=71, channel="open"),
        b.rename(1, 7, "d/out", "out", 75, fingerprint=F(3, 3, 60)),
        b.write(1, 8, "d/again", 80, 85, fingerprint=F(5, 3, 85), content="n"),
        b.rename(1, 9, "d", "e", 90, fingerprint=None),
    ]
    size = -(-len(records) // parts)
    for start in range(0, len(records), size):
        put(1, *records[start : start + size])
        ingest(settings)

    assert rows("SELECT uri FROM versions WHERE ended_at IS NULL ORDER BY 1") == [
        ("e/again",),
        ("e/kept",),
        ("out",),
    ]
    assert rows("SELECT count(*) FROM versions WHERE uri LIKE 'file:///work/e/%'") == [(2,)]


def test_read_after_a_rename_finds_the_version_under_its_new_name(settings, put, rows):
    """A rename changes the change time; the version is recognised all the same."""
    put(
        1,
        b.execution(1, 1),
        b.write(1, 2, "x.tmp", 30, 40, fingerprint=F(2, 3, 40), content="x"),
        b.rename(1, 3, "x.tmp", "x", 50, fingerprint=F(2, 3, 40)),
        b.read(1, 4, "x", 60, 70, fingerprint=F(2, 3, 40, ctime_ns=50), content=None),
    )

    ingest(settings)

    assert rows("SELECT uri, origin, ordinal FROM versions") == [("x", "renamed", 1)]
    assert rows("SELECT mode FROM accesses ORDER BY 1") == [("read",), ("write",)]


def test_file_moved_by_another_program_is_a_new_version_with_a_rename_edge(settings, put, rows):
    """What somebody else made and this program moves stays known under the old name."""
    put(
        1,
        b.execution(1, 1),
        b.write(1, 2, "x", 30, 40, fingerprint=F(2, 3, 40), content="x"),
    )
    put(2, b.execution(2, 45), b.rename(2, 1, "x", "y", 50, fingerprint=F(2, 3, 40)))

    ingest(settings)

    assert rows(EDGES) == [("x", "y", "rename", 1.0)]
    assert rows("SELECT uri, ended_at IS NULL FROM versions ORDER BY 1") == [
        ("x", False),
        ("y", True),
    ]


def test_file_made_and_removed_by_one_program_is_scratch(settings, put, rows):
    """A temporary file is no artifact; what went through it is joined."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 15, fingerprint=F(1, 3, 5), content="a"),
        b.write(1, 2, "scratch", 20, 30, fingerprint=F(2, 3, 30), content="s", thread=2),
        b.read(1, 3, "scratch", 40, 45, fingerprint=F(2, 3, 30), content="s", thread=2),
        b.write(1, 4, "out", 50, 60, fingerprint=F(3, 3, 60), content="o", thread=2),
        Remove(
            execution=b.execution_name(1),
            id=5,
            uri=b.uri("scratch"),
            at_ns=70,
            fingerprint=F(2, 3, 30),
            channel="audit",
        ),
    )

    ingest(settings)

    assert rows("SELECT uri FROM artifacts ORDER BY 1") == [("A",), ("out",)]
    assert rows(EDGES) == [("A", "out", "same-process", 0.9)]
    assert ("scratch", "out", "same-process", 1.0) in rows(EDGES.replace("edges", "all_edges"))


def test_digest_of_a_partly_read_local_file_is_filled_in(settings, tmp_path, put, rows):
    """A file that is still as it was read is hashed at ingest; one that changed is not."""
    same, changed = tmp_path / "same.bin", tmp_path / "changed.bin"
    for path in (same, changed):
        path.write_bytes(b"content")
    records = []
    for number, path in enumerate((same, changed)):
        template = b.read(1, number, "unused", 10, 20, fingerprint=_real_fingerprint(path))
        records.append(structs.replace(template, uri=f"file://{path}"))
    put(1, b.execution(1, 1), *records)
    changed.write_bytes(b"other content")

    ingest(settings)

    digests = dict(rows("SELECT uri, digest FROM versions"))
    assert digests[f"file://{changed}"] is None
    assert digests[f"file://{same}"].startswith("xxh3-128:")


def _real_fingerprint(path) -> str:

    return str(fingerprint_of(os.stat(path)))


def test_access_seen_by_two_channels_is_one(settings, put, rows):
    """What native hooks and Python's own hooks both saw stands in the log once."""
    seen = [
        b.execution(1, 1),
        b.read(1, 1, "A", 10, 15, fingerprint=F(1, 3, 5), content="a"),
        b.opening(1, 2, "x.tmp", 20),
        b.write(1, 2, "x.tmp", 20, 30, fingerprint=F(2, 3, 30), content="x"),
        b.rename(1, 3, "x.tmp", "x", 40, fingerprint=F(2, 3, 30)),
    ]
    native = [
        structs.replace(record, channel="preload", id=1000 + record.id, **times)
        for record, times in zip(
            seen[1:],
            (
                {"opened_ns": 9, "closed_ns": 16},
                {"opened_ns": 19},
                {"opened_ns": 19, "closed_ns": 31},
                {"at_ns": 41},
            ),
            strict=True,
        )
    ]
    put(1, *seen, *native)

    ingest(settings)

    assert rows("SELECT uri, mode, channel FROM accesses ORDER BY 1") == [
        ("A", "read", "open"),
        ("x", "write", "open"),
    ]
    assert rows(EDGES) == [("A", "x", "same-process", 1.0)]
    assert rows("SELECT count(*) FROM versions") == [(2,)]
