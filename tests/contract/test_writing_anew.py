"""Local files that are opened to be written anew, which takes the shortest way."""

from __future__ import annotations

import os

import fsspec
import pytest

import provfs
from tests.contract.journal import Fact, whole
from tests.contract.places import A, X


def write(fs, path, content=X, **options):
    """Write a file, and return how what was opened looked."""
    with fs.open(path, "wb", **options) as f:
        f.write(content)
        return type(f).__name__, f.name, f.mode, f.f.mode, repr(f.f.raw), f.closed


def test_files_that_are_written_look_like_bare_ones(make_place):
    """Name, mode, permissions, and that what was there is gone."""
    place = make_place("local")
    place.fill()
    before = os.umask(0o027)
    try:
        looks = [write(fs, place.at(name)) for fs in (place.fs, place.bare) for name in ("n", "a")]
    finally:
        os.umask(before)

    assert looks[:2] == [tuple(item) for item in looks[2:]]
    assert (os.stat(place.at("n")).st_mode & 0o777, place.stored("a")) == (0o640, X)
    assert [fact for fact in place.facts() if fact.what != "open"] == [
        whole("write", "a", X),
        whole("write", "n", X),
    ]


@pytest.mark.parametrize("name", ["link", "folder/n", "d/../n", "d//n", "ü"])
def test_a_file_that_is_written_has_its_real_name(make_place, name):
    """Through links, dots and letters of any kind."""
    place = make_place("local")
    place.fill()
    os.symlink(place.at("a"), place.at("link"))
    os.symlink(place.at("d"), place.at("folder"))

    write(place.fs, place.at(name))

    real = os.path.relpath(os.path.realpath(place.at(name)), place.root)
    assert place.facts() == [whole("write", real, X)]


@pytest.mark.parametrize("name", ["d", "missing/n", "a/n", "n\0", "n" * 300])
def test_what_cannot_be_written_fails_as_without_capture(make_place, name):
    """The error is that of `open`, and nothing is recorded."""
    place = make_place("local")
    place.fill()
    errors = []

    for fs in (place.fs, place.bare):
        with pytest.raises((OSError, ValueError)) as caught:
            write(fs, place.at(name))
        errors.append((type(caught.value), getattr(caught.value, "errno", None), str(caught.value)))

    assert errors[0] == errors[1]
    assert place.facts() == []


def test_directories_are_made_where_the_filesystem_makes_them(make_place):
    """`auto_mkdir` holds for the shortest way, too."""
    place = make_place("local")
    fs = provfs.wrap(fsspec.filesystem("file", auto_mkdir=True))

    write(fs, place.at("new/below/n"), A)

    assert place.facts() == [whole("write", "new/below/n", A)]


def test_a_write_that_is_cut_off_is_an_opening(make_place):
    """The record of the opening is in the journal before the first byte is written."""
    place = make_place("local")

    f = place.fs.open(place.at("n"), "wb")

    assert place.facts() == [Fact("open", "n")]
    f.close()
