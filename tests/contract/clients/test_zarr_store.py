"""zarr's own suite for stores, on bare and on wrapped filesystems."""

from __future__ import annotations

from inspect import iscoroutinefunction
from itertools import count

import fsspec
import pytest
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.storage import FsspecStore
from zarr.testing.store import StoreTests

import provfs
from tests.contract.journal import own_journal

_numbers = count(1)
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:.*not implement asynchronous.*", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def anyio_backend():
    """The loop that fsspec knows."""
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
async def loop(anyio_backend):
    """Keep one loop for all tests: a filesystem of S3 belongs to the first that uses it."""
    return anyio_backend


@pytest.fixture(params=["memory", "local", "s3"])
def bare(request, tmp_path):
    """Return an asynchronous filesystem, and the path of an empty place on it.

    One of S3 belongs to the loop that uses it first, so that there is one for each of the two:
    what zarr offers without `await` runs in a loop of zarr's own.
    """
    if request.param == "s3":
        loop = "test" if iscoroutinefunction(request.function) else "zarr"
        options = request.getfixturevalue("s3_options")
        options = {**options, "config_kwargs": {"user_agent_extra": loop}}
        return fsspec.filesystem("s3", asynchronous=True, **options), "data/zarr"
    if request.param == "memory":
        return AsyncFileSystemWrapper(fsspec.filesystem("memory"), asynchronous=True), "/zarr"
    local = fsspec.filesystem("file", auto_mkdir=True)
    return AsyncFileSystemWrapper(local, asynchronous=True), str(tmp_path / "zarr")


@pytest.fixture(params=["bare", "wrapped"])
def place(request, bare):
    """Return a filesystem of one kind, bare or wrapped, and a path."""
    own_journal()
    fs, root = bare
    return (provfs.wrap(fs) if request.param == "wrapped" else fs), f"{root}{next(_numbers)}"


class TestStore(StoreTests[FsspecStore, cpu.Buffer]):
    """The suite, with the few things that it leaves to the store."""

    store_cls = FsspecStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, place):
        fs, root = place
        return {"fs": fs, "path": root}

    @pytest.fixture
    def store(self, open_kwargs):
        store = self.store_cls(**open_kwargs)
        store._is_open = True  # what `open` does, besides; sync tests take it as well
        return store

    @pytest.fixture
    def store_not_open(self, store_kwargs):
        return self.store_cls(**store_kwargs)

    async def set(self, store, key, value):
        await store.fs._pipe_file(f"{store.path}/{key}", value.to_bytes())

    async def get(self, store, key):
        content = await store.fs._cat_file(f"{store.path}/{key}")
        return default_buffer_prototype().buffer.from_bytes(content)

    def test_store_repr(self, store):
        assert str(store).startswith("<FsspecStore(")

    def test_store_supports_writes(self, store):
        assert store.supports_writes

    def test_store_supports_listing(self, store):
        assert store.supports_listing
