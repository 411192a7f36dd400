"""Filesystems that remove in bulk: each file that went is one removal."""

from __future__ import annotations

import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.memory import MemoryFileSystem

import provfs

NAMES = ("/b/a", "/b/d/x", "/b/d/y")


class InBulk(AsyncFileSystem):
    """Removes as the filesystems of Google and Azure do: `_rm` hands all names to one call."""

    protocol = "bulk"
    cachable = False

    def __init__(self, **options):
        super().__init__(**options)
        self.names = set(NAMES)

    async def _info(self, path, **_):
        path = path.rstrip("/")
        if path in self.names:
            return {"name": path, "size": 0, "type": "file"}
        if any(name.startswith(path + "/") for name in self.names):
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    async def _ls(self, path, detail=True, **_):
        below = {path + "/" + n[len(path) + 1 :].split("/")[0] for n in self.names if path in n}
        found = [await self._info(name) for name in sorted(below)]
        return found if detail else [item["name"] for item in found]

    async def _rm(self, path, recursive=False, maxdepth=None, **_):
        for name in await self._expand_path(path, recursive=recursive, maxdepth=maxdepth):
            await self._info(name) if recursive else self.names.remove(name)
            self.names.discard(name)


class AtOnce(MemoryFileSystem):
    """Removes as the filesystem of a hub does: `rm` makes one commit of all names."""

    store = {}  # noqa: RUF012 - as its parent has it
    pseudo_dirs = [""]  # noqa: RUF012 - likewise
    cachable = False

    def rm(self, path, recursive=False, maxdepth=None):
        for name in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            self.store.pop(name, None)


def removed(journal, scheme):
    """Return the names that went."""
    return [fact.name for fact in journal.facts(f"{scheme}://") if fact.what == "remove"]


@pytest.mark.parametrize(
    ("ask", "gone"),
    [
        (lambda fs: fs.rm("/b", recursive=True), ["b/a", "b/d/x", "b/d/y"]),
        (lambda fs: fs.rm("/b/d/x"), ["b/d/x"]),
        (lambda fs: fs.rm(["/b/a", "/b/d/y"]), ["b/a", "b/d/y"]),
        (lambda fs: fs.rm_file("/b/a"), ["b/a"]),
        (lambda fs: fs.rm("/b/d/*"), ["b/d/x", "b/d/y"]),
    ],
    ids=["directory", "file", "list", "rm_file", "glob"],
)
@pytest.mark.parametrize("cls", [InBulk, AtOnce])
def test_removals_in_bulk_are_one_each(journal, cls, ask, gone):
    """The files that are gone are removed, and no directory is."""
    fs = cls()
    if cls is AtOnce:
        fs.store.clear()
        for name in NAMES:
            fs.pipe_file(name, b"1")
    scheme = fs.protocol
    wrapped = provfs.wrap(fs)
    journal.mark()

    try:
        ask(wrapped)
    except NotImplementedError:
        pytest.skip("this version of fsspec has no way from `rm_file` to a `_rm`")

    assert removed(journal, scheme) == gone


def test_a_removal_that_fails_is_none(journal):
    """What was not there is not removed."""
    fs = provfs.wrap(InBulk())
    journal.mark()

    with pytest.raises(KeyError):
        fs.rm("/b/missing")

    assert journal.facts() == []
