"""A read is recorded when it is closed: what it says of writes that were ingested before."""

from __future__ import annotations

from provfs.ingest import ingest
from tests import builders as b

F = b.fingerprint


def test_copy_is_seen_when_its_source_is_closed_after_it(settings, put, rows):
    """`cp` closes the target first: an ingest between the two closings changes nothing."""
    put(
        1,
        b.execution(1, 1),
        b.read(1, 1, "other", 5, 6, fingerprint=F(4, 5, 2), content="other", size_bytes=5),
        b.write(1, 3, "copy", 20, 30, fingerprint=F(3, 5, 30), content="equal", size_bytes=5),
    )
    ingest(settings)
    put(1, b.read(1, 2, "source", 10, 40, fingerprint=F(2, 5, 1), content="equal", size_bytes=5))
    ingest(settings)

    edges = rows("SELECT input_uri, output_uri, rule, confidence FROM all_edges ORDER BY ALL")

    assert edges == [
        ("other", "copy", "same-process", 0.4),
        ("source", "copy", "copy", 1.0),
    ]


def test_read_of_equal_content_after_the_write_makes_no_copy(settings, put, rows):
    """Only what was open before the target was closed can have been copied to it."""
    put(
        1,
        b.execution(1, 1),
        b.write(1, 3, "result", 20, 30, fingerprint=F(3, 5, 30), content="equal", size_bytes=5),
    )
    ingest(settings)
    put(1, b.read(1, 2, "check", 35, 40, fingerprint=F(2, 5, 1), content="equal", size_bytes=5))
    ingest(settings)

    assert rows("SELECT input_uri FROM edges WHERE output_uri LIKE '%result'") == []


def test_file_that_was_changed_unseen_and_moved_with_its_directory_is_what_a_read_met(
    settings, put, rows
):
    """The filesystem dates the content before the move, which was seen with the old one: that has
    ended.
    """
    old, new = F(7, 10, 100), F(7, 5, 500)
    put(
        1,
        b.execution(1, 1),
        b.write(1, 1, "d/a", 50, 100, fingerprint=old, content="old"),
        b.rename(1, 2, "d", "e", 600, fingerprint=None),
        b.read(1, 3, "e/a", 700, 710, fingerprint=new, content="new"),
    )
    ingest(settings)

    current = "SELECT uri, digest FROM versions WHERE ended_at IS NULL"
    assert rows(current) == [("e/a", b.digest_of("new"))]
