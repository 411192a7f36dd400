"""Asynchronous filesystems whose classes have sync forms of their own, as `adlfs` and `gcsfs`."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.asyn import AsyncFileSystem, sync_wrapper

import provfs
from provfs.journal import record
from tests.contract.journal import Fact, absent, whole
from tests.contract.places import A, X


class Storage(AsyncFileSystem):
    """Objects in a dictionary; its sync methods call the coroutines of the class themselves."""

    protocol = "storage"
    cachable = False

    def __init__(self, **options):
        super().__init__(**options)
        self.objects = {"a": A, "b": X}

    async def _info(self, path, **_):
        if path not in self.objects:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.objects[path]), "type": "file"}

    async def _cat_file(self, path, start=None, end=None, **_):
        return self.objects[path][start:end]

    async def _pipe_file(self, path, value, **_):
        self.objects[path] = value

    async def _put_file(self, lpath, rpath, **_):
        self.objects[rpath] = Path(lpath).read_bytes()  # noqa: ASYNC240 - small

    async def _get_file(self, rpath, lpath, **_):
        Path(lpath).write_bytes(self.objects[rpath])  # noqa: ASYNC240 - small

    async def _cp_file(self, path1, path2, **_):
        self.objects[path2] = self.objects[path1]

    async def _mv_file(self, path1, path2, **_):
        self.objects[path2] = self.objects.pop(path1)

    async def _mv(self, path1, path2, **_):
        await self._mv_file(path1, path2)

    async def _rm(self, path, recursive=False, **_):
        for name in await self._expand_path(path, recursive=recursive):
            del self.objects[name]

    cat_file = sync_wrapper(_cat_file)
    pipe_file = sync_wrapper(_pipe_file)
    put_file = sync_wrapper(_put_file)
    get_file = sync_wrapper(_get_file)
    cp_file = sync_wrapper(_cp_file)
    mv = sync_wrapper(_mv)
    rm = sync_wrapper(_rm)


@pytest.mark.parametrize(
    ("operation", "facts"),
    [
        (lambda fs, _: fs.cat_file("a"), [whole("read", "a", A)]),
        (lambda fs, _: fs.pipe_file("n", X), [whole("write", "n", X)]),
        (lambda fs, _: fs.pipe({"n": X, "m": A}), [whole("write", "m", A), whole("write", "n", X)]),
        (lambda fs, p: fs.put_file(p, "n"), [whole("read", "up", A), whole("write", "n", A)]),
        (lambda fs, p: fs.get_file("b", p), [whole("read", "b", X), whole("write", "up", X)]),
        (lambda fs, _: fs.cp_file("a", "n"), [absent("read", "a"), absent("write", "n")]),
        (lambda fs, _: fs.mv("a", "n"), [Fact("rename", "a -> n")]),
        (lambda fs, _: fs.rm(["a", "b"]), [Fact("remove", "a"), Fact("remove", "b")]),
    ],
    ids=["cat", "pipe", "pipe several", "put", "get", "cp", "mv", "rm"],
)
def test_sync_forms_of_a_class_are_recorded_once(journal, tmp_path, operation, facts):
    """Nobody replaces the coroutine that they call, and they are looked at themselves."""
    path = tmp_path / "up"
    path.write_bytes(A)
    fs = provfs.wrap(Storage())
    journal.mark()

    operation(fs, str(path))

    found = journal.facts("storage://", f"file://{tmp_path}/")
    assert sorted(found, key=str) == sorted(facts, key=str)


def test_sync_forms_of_a_class_name_the_thread_that_called(journal):
    """The coroutine runs in a thread of fsspec's own, which has read nothing."""
    fs = provfs.wrap(Storage())
    journal.mark()

    fs.pipe_file("n", A)
    fs.cat_file("a")

    threads = {item.thread for item in journal.records() if isinstance(item, record.Access)}
    assert threads == {journal.recorder.thread_key()}
