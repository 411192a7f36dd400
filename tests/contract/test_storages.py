"""What storages can do besides: uploads that are given up, copies inside, several at once."""

from __future__ import annotations

import os

import pytest
from fsspec.callbacks import Callback
from fsspec.generic import GenericFileSystem

import provfs
from tests.contract.journal import Fact, absent, part, whole
from tests.contract.places import UP, A, X

U = UP["u"]

PART_BYTES = 5 << 20


@pytest.fixture
def s3(make_place):
    """A wrapped place on S3, with the usual files."""
    place = make_place("s3")
    place.fill()
    return place


def start_upload(place, name):
    """Return a handle of which two parts have gone up."""
    f = place.fs.open(place.at(name), "wb", block_size=PART_BYTES)
    f.write(b"x" * (2 * PART_BYTES + 1))
    return f


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_upload_that_is_given_up_is_nothing(s3):
    """The parts that have gone up are thrown away by the storage."""
    start_upload(s3, "n").discard()

    assert s3.stored("n") is None
    assert s3.facts() == []


def test_an_upload_in_a_transaction_that_fails_is_nothing(s3):
    """It is aborted with the others at the end."""
    with pytest.raises(KeyError), s3.fs.transaction:  # noqa: PT012 - a job
        start_upload(s3, "n").close()
        s3.fs.pipe_file(s3.at("m"), A)
        raise KeyError

    assert s3.stored("n") is None
    assert {fact.name for fact in s3.facts()} <= {"m"}  # S3 stores it at once


def test_a_copy_in_parts_is_one_version(s3):
    """Objects that are too large for one request are copied piece by piece inside the storage."""
    s3.store("large", os.urandom(1 << 20) * 12)

    s3.fs.cp_file(s3.at("large"), s3.at("n"), managed_copy_threshold=6 << 20)

    assert s3.facts() == [absent("read", "large"), absent("write", "n")]


def test_objects_that_are_put_together_are_read_and_one_is_written(s3):
    """`merge` moves content without a download."""
    s3.store("large", b"y" * (PART_BYTES + 1))

    s3.fs.merge(s3.at("n"), [s3.at("large"), s3.at("a")])

    assert s3.stored("n") == b"y" * (PART_BYTES + 1) + A
    assert s3.facts() == [absent("read", "a"), absent("read", "large"), absent("write", "n")]


def test_of_several_reads_those_that_fail_are_none(s3):
    """Errors that are returned among the contents are no content."""
    paths = [s3.at("a"), s3.at("missing")]

    ranges = s3.fs.cat_ranges(paths, [0, 0], [3, 3], on_error="return")
    contents = s3.fs.cat(paths, on_error="return")

    assert (ranges[0], contents[paths[0]]) == (A[:3], A)
    assert isinstance(ranges[1], FileNotFoundError)
    assert isinstance(contents[paths[1]], FileNotFoundError)
    assert s3.facts() == sorted([part("a", (0, 3)), whole("read", "a", A)], key=str)


def test_a_transfer_that_fails_is_none(s3):
    """A callback that raises ends a download halfway; what was whole before is recorded."""

    class Full(Callback):
        def relative_update(self, inc=1):  # noqa: ARG002 - as fsspec calls it
            raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"):
        s3.fs.get_file(s3.at("a"), s3.down("g"), callback=Full())
    with pytest.raises(FileNotFoundError):
        s3.fs.get([s3.at("d/x"), s3.at("missing")], [s3.down("x"), s3.down("y")])

    found = s3.facts()
    assert found in ([], [whole("read", "d/x", X), whole("write", "local:x", X)])


def test_callbacks_are_called_as_without_capture(place):
    """Transfers of several files tell how many there are, and how far they are."""
    callback = Callback()

    place.fs.put(place.down("u*"), place.at("d") + "/", callback=callback)

    assert (callback.size, callback.value) == (1, 1)
    assert place.facts() == sorted([whole("read", "local:u", U), whole("write", "d/u", U)], key=str)


def test_a_filesystem_between_filesystems_gives_the_uris_of_both(make_place):
    """`generic` finds out for each path whose it is."""
    place = make_place("memory")
    place.fill()
    fs = provfs.wrap(GenericFileSystem(default_method="default", skip_instance_cache=True))

    fs.cp_file(f"memory:/{place.at('a')}", f"memory:/{place.at('n')}")
    with fs.open(f"memory:/{place.at('d/x')}") as f:
        assert f.read() == X

    assert place.stored("n") == A
    facts = place.facts()
    assert {(fact.what, fact.name) for fact in facts} == {
        ("read", "a"),
        ("write", "n"),
        ("read", "d/x"),
    }
    assert len(facts) == 3


def test_removals_of_directories_are_those_of_their_objects(s3):
    """The bucket itself and its directories are no artifacts."""
    s3.fs.rm(s3.at("d"), recursive=True)

    names = ("d/e/z", "d/x", "d/y")
    assert s3.facts() == [Fact("remove", name) for name in names]
