"""Wrapped filesystems as objects: identity, options, pickles, JSON, other processes."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from operator import methodcaller

import fsspec
import pytest
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

import provfs
from tests.contract.journal import whole
from tests.contract.places import A

KINDS = ("local", "memory", "s3")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrapped_filesystem_has_the_face_of_the_bare_one(make_place, kind):
    """Class, names, protocol, options, separator and all public attributes."""
    place = make_place(kind)
    bare, fs = place.bare, place.fs

    assert isinstance(fs, type(bare))
    name = type(bare).__name__
    name = f"Provenance{name}" if kind == "local" else name  # pyarrow opens past the other
    assert (type(fs).__name__, type(fs).__module__) == (name, type(bare).__module__)
    assert fs.protocol == bare.protocol
    assert fs.storage_options == bare.storage_options
    assert fs.storage_args == bare.storage_args
    assert fs.sep == bare.sep
    assert fs.fsid == bare.fsid if kind == "local" else True
    assert set(dir(bare)) - set(dir(fs)) == set()
    assert fs.unstrip_protocol(place.at("a")) == bare.unstrip_protocol(place.at("a"))
    assert type(fs)._strip_protocol(place.at("a")) == place.at("a")
    assert fs.transaction_type is bare.transaction_type


@pytest.mark.parametrize("kind", KINDS)
def test_wrapping_is_idempotent_and_equal_to_itself(make_place, kind):
    """One filesystem wrapped twice is equal; it is not the bare one."""
    place = make_place(kind)

    again = provfs.wrap(place.bare)

    assert provfs.wrap(place.fs) is place.fs
    assert again == place.fs
    assert hash(again) == hash(place.fs)
    assert again.__dask_tokenize__() == place.fs.__dask_tokenize__()
    assert place.fs != place.bare


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("module", ["pickle", "cloudpickle"])
def test_a_pickled_filesystem_is_wrapped_again(make_place, kind, module):
    """What arrives is equal and records."""
    pickler = pytest.importorskip(module)
    place = make_place(kind)
    place.fill()

    arrived = pickle.loads(pickler.dumps(place.fs))

    assert arrived == place.fs
    assert arrived.cat_file(place.at("a")) == A
    assert place.facts() == [whole("read", "a", A)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_filesystem_from_json_is_wrapped_again(make_place, kind):
    """Libraries such as zarr and kerchunk carry filesystems as JSON and as dictionaries."""
    place = make_place(kind)
    place.fill()

    arrived = fsspec.AbstractFileSystem.from_json(place.fs.to_json())

    assert arrived == place.fs
    assert fsspec.AbstractFileSystem.from_dict(place.fs.to_dict()) == place.fs
    assert json.loads(place.fs.to_json())
    assert arrived.cat_file(place.at("a")) == A
    assert place.facts() == [whole("read", "a", A)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_handle_for_later_is_pickled(make_place, kind):
    """An `OpenFile` over a wrapped filesystem travels and records where it is opened."""
    place = make_place(kind)
    place.fill()
    later = fsspec.core.OpenFile(place.fs, place.at("a"))

    with pickle.loads(pickle.dumps(later)) as f:
        assert f.read() == A

    assert place.facts() == [whole("read", "a", A)]


def test_an_open_handle_for_reading_is_pickled_as_upstream(make_place):
    """A local handle that travels goes on where it was, as the bare one does."""
    place = make_place("local")
    place.fill()

    with place.fs.open(place.at("a"), "rb") as f:
        f.seek(3)
        with pickle.loads(pickle.dumps(f)) as g:
            assert g.read() == A[3:]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_worker_process_records_in_a_journal_of_its_own(make_place, monkeypatch, kind, method):
    """The read of the worker is in the same home, and belongs to the worker's execution."""
    if kind == "s3" and method == "fork":
        pytest.skip("fsspec's asynchronous filesystems do not survive a fork")
    place = make_place(kind)
    place.fill()
    monkeypatch.setenv("PROVFS_HOME", str(place.journal.home))
    context = multiprocessing.get_context(method)

    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(methodcaller("cat_file", place.at("a")), place.fs).result(60) == A

    records = [r for r in place.journal.records() if type(r).__name__ == "Access"]
    assert [r.mode for r in records] == ["read"]
    assert f"-{os.getpid()}-" not in records[0].execution


def test_options_of_the_target_reach_it(s3_options, make_place):
    """`storage_options` go through `prov` to the storage below."""
    place = make_place("s3")
    place.fill()

    with fsspec.open(f"prov::s3://{place.at('a')}", s3=s3_options) as f:
        assert f.read() == A
    fs = fsspec.filesystem("prov", target_protocol="s3", target_options=s3_options)

    assert fs == place.fs
    assert fs.storage_options == place.fs.storage_options
    assert place.facts() == [whole("read", "a", A)]


def test_the_protocol_gives_the_same_filesystem_each_time(make_place):
    """`prov` makes one filesystem for one target."""
    place = make_place("local")

    first, path = url_to_fs(f"prov::file://{place.at('a')}")
    second, _ = url_to_fs(f"prov::file://{place.at('a')}")

    assert path == place.at("a")
    assert first == second
    assert isinstance(first, LocalFileSystem)


def test_the_instance_cache_is_not_touched(make_place):
    """Bare filesystems that are asked for later stay bare."""
    for kind in ("local", "memory"):
        place = make_place(kind)
        place.fill()
        protocol = "file" if kind == "local" else kind
        fsspec.filesystem("prov", target_protocol=protocol)

        again = fsspec.filesystem(protocol)
        assert again.cat_file(place.at("a")) == A

        assert place.facts() == []


def test_subclasses_of_a_filesystem_class_can_be_wrapped(make_place):
    """A class of the user's own, with methods of its own, keeps them."""

    class Own(LocalFileSystem):
        def cat_file(self, path, start=None, end=None, **kwargs):
            return super().cat_file(path, start, end, **kwargs).upper()

        def own(self):
            return type(self).__name__

    place = make_place("local")
    place.fill()
    fs = provfs.wrap(Own())

    assert fs.own() == "Own"
    assert fs.cat_file(place.at("a")) == A.upper()
    assert [(fact.what, fact.name) for fact in place.facts()] == [("read", "a")]


@pytest.mark.parametrize("kind", ["opener", "file", "other"])
def test_local_classes_with_an_open_of_their_own_are_captured(make_place, kind):
    """Whether it gives the handles of its parent, plain files or something else."""

    class Other(io.BytesIO):
        pass

    class Own(LocalFileSystem):
        def _open(self, path, mode="rb", block_size=None, **kwargs):
            if kind == "opener":
                return super()._open(path, mode, block_size, **kwargs)
            return open(path, mode) if kind == "file" or mode != "rb" else Other(A)

    place = make_place("local")
    place.fill()
    fs = provfs.wrap(Own())

    with fs.open(place.at("a")) as f:
        assert list(f) == A.splitlines(keepends=True)
    with fs.open(place.at("n"), "wb") as f:
        f.write(A)
    with fs.open(place.at("n"), "ab") as f:
        f.write(A)

    assert place.stored("n") == A + A
    assert place.facts() == sorted(
        [whole("read", n, A) for n in "an"] + [whole("write", "n", A), whole("write", "n", A + A)],
        key=str,
    )


def test_what_is_not_a_filesystem_is_refused():
    """A path or a class is a mistake of the user."""
    with pytest.raises(TypeError, match="expected an fsspec filesystem"):
        provfs.wrap("/data")


def test_local_handles_have_the_attributes_of_bare_ones(make_place):
    """What fsspec keeps on a handle is there and equal, opened for the first time and later."""
    place = make_place("local")
    place.fill()

    def attributes(fs):
        with fs.open(place.at("a"), "rb") as handle:
            return {name: value for name, value in vars(handle).items() if name not in {"f", "fs"}}

    found = [attributes(fs) for fs in (place.fs, place.fs, place.fs, place.bare)]

    assert found[0] == found[1] == found[2] == found[3]
