"""Capture that comes after filesystems were made, as `%load_ext provfs`, and goes again."""

from __future__ import annotations

import inspect
import pickle

import fsspec
import pytest
from fsspec import spec
from fsspec.generic import GenericFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem

from provfs.capture.autoload.instrument import instrument, restore
from tests.contract.journal import whole
from tests.contract.places import A

NEW = b"new content"
CLASSES = (
    *(spec._Cached, spec.AbstractFileSystem, fsspec.asyn.AsyncFileSystem, MemoryFileSystem),
    *(S3FileSystem, fsspec.get_filesystem_class("simplecache").__mro__[1]),
)


@pytest.fixture
def instrumented():
    """Return a function that starts capture in place; it ends with the test."""
    yield lambda: instrument(spec)
    restore(spec)


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_filesystems_that_were_there_before_are_captured(make_place, instrumented, kind):
    """Sync forms of coroutines are attributes of instances, and are made anew."""
    place = make_place(kind, wrapped=False)
    place.fill()
    private = fsspec.filesystem(kind, skip_instance_cache=True, **place.bare.storage_options)

    instrumented()

    for number, fs in enumerate((place.bare, private)):
        assert fs.cat_file(place.at("a")) == A
        fs.pipe_file(place.at(f"n{number}"), NEW)
        with fs.open(place.at("a")) as f:
            assert f.read() == A
    expected = [whole("read", "a", A)] * 4 + [whole("write", f"n{n}", NEW) for n in range(2)]
    assert place.facts() == sorted(expected, key=str)


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_everything_is_put_back(make_place, kind):
    """After the end, each attribute is the very object that was there before."""
    place = make_place(kind, wrapped=False)
    place.fill()
    before = [dict(vars(cls)) for cls in CLASSES]
    names = set(vars(place.bare))

    instrument(spec)
    assert place.bare.cat_file(place.at("a")) == A
    assert place.facts() == [whole("read", "a", A)]
    pickled = pickle.dumps(place.bare)
    changed = [cls for cls, old in zip(CLASSES, before, strict=True) if differs(vars(cls), old)]
    restore(spec)

    assert type(place.bare) in changed
    assert [differs(vars(c), old) for c, old in zip(CLASSES, before, strict=True)] == [[]] * 6
    assert set(vars(place.bare)) == names
    assert place.bare.cat_file(place.at("a")) == A
    assert pickle.loads(pickled) == place.bare
    assert pickle.loads(pickled).cat_file(place.at("a")) == A
    assert place.facts() == []


def differs(now, before):
    """Return the names under which another object lies than before."""
    names = {name for name, value in before.items() if inspect.isroutine(value)}
    names |= {name for name, value in now.items() if hasattr(value, "__provfs_original__")}
    return sorted(name for name in names if now.get(name) is not before.get(name))


def test_instrumenting_twice_is_once(make_place, instrumented):
    """A second `%load_ext` changes nothing."""
    place = make_place("memory", wrapped=False)
    place.fill()

    instrumented()
    instrumented()

    assert place.bare.cat_file(place.at("a")) == A
    assert place.facts() == [whole("read", "a", A)]


def test_a_filesystem_between_others_is_seen_at_its_targets(make_place, instrumented):
    """`generic` has no files of its own; those that it moves are told by whose they are."""
    place = make_place("memory", wrapped=False)
    place.fill()
    instrumented()
    fs = GenericFileSystem(default_method="default", skip_instance_cache=True)

    fs.cp_file(f"memory:/{place.at('a')}", f"memory:/{place.at('n')}")

    assert place.facts() == [whole("read", "a", A), whole("write", "n", A)]
