"""Filesystems whose methods are coroutines, in the loop of the caller."""

from __future__ import annotations

import asyncio

import fsspec
import pytest
from fsspec.asyn import AsyncFileSystem

import provfs
from tests.contract.journal import Fact, differences, part, perhaps, whole
from tests.contract.places import UP, A, X

NEW = b"new content"

MOVES = {
    "cat_file": (
        lambda p, fs: fs._cat_file(p.at("a")),
        [whole("read", "a", A)],
    ),
    "cat_file_in_part": (
        lambda p, fs: fs._cat_file(p.at("a"), start=1, end=4),
        [part("a", (1, 4))],
    ),
    "cat": (
        lambda p, fs: fs._cat([p.at("a"), p.at("d/x")]),
        [whole("read", "a", A), whole("read", "d/x", X)],
    ),
    "cat_ranges": (
        lambda p, fs: fs._cat_ranges([p.at("a"), p.at("a")], [0, 5], [3, 9]),
        [part("a", (0, 3), (5, 9))],
    ),
    "pipe_file": (
        lambda p, fs: fs._pipe_file(p.at("n"), NEW),
        [whole("write", "n", NEW)],
    ),
    "pipe": (
        lambda p, fs: fs._pipe({p.at("n"): NEW, p.at("m"): X}),
        [whole("write", "n", NEW), whole("write", "m", X)],
    ),
    "get_file": (
        lambda p, fs: fs._get_file(p.at("a"), p.down("g")),
        [whole("read", "a", A), whole("write", "local:g", A)],
    ),
    "get": (
        lambda p, fs: fs._get([p.at("a"), p.at("d/x")], [p.down("g"), p.down("h")]),
        [
            *(whole("read", "a", A), whole("write", "local:g", A)),
            *(whole("read", "d/x", X), whole("write", "local:h", X)),
        ],
    ),
    "put_file": (
        lambda p, fs: fs._put_file(p.down("u"), p.at("n")),
        [whole("read", "local:u", UP["u"]), whole("write", "n", UP["u"])],
    ),
    "put": (
        lambda p, fs: fs._put(p.down("u"), p.at("n")),
        [whole("read", "local:u", UP["u"]), whole("write", "n", UP["u"])],
    ),
    "cp_file": (
        lambda p, fs: fs._cp_file(p.at("a"), p.at("n")),
        [perhaps("read", "a", A), perhaps("write", "n", A)],
    ),
    "copy": (
        lambda p, fs: fs._copy(p.at("a"), p.at("n")),
        [perhaps("read", "a", A), perhaps("write", "n", A)],
    ),
    "rm_file": (lambda p, fs: fs._rm_file(p.at("a")), [Fact("remove", "a")]),
    "rm": (lambda p, fs: fs._rm(p.at("a")), [Fact("remove", "a")]),
    "find": (lambda p, fs: fs._find(p.root), []),
    "info": (lambda p, fs: fs._info(p.at("a")), []),
}


def in_own_loop(place, options, run):
    """Run a coroutine on a wrapped asynchronous S3 in a loop of its own."""

    async def main():
        bare = fsspec.filesystem("s3", asynchronous=True, skip_instance_cache=True, **options)
        session = await bare.set_session()
        try:
            return await run(place, provfs.wrap(bare))
        finally:
            await session.close()

    return asyncio.run(main())


@pytest.mark.parametrize("name", MOVES)
def test_a_coroutine_that_moves_content_is_recorded_once(make_place, s3_options, name):
    """The asynchronous form of every operation, on S3, with `asynchronous=True`."""
    place = make_place("s3")
    place.fill()
    run, expected = MOVES[name]

    in_own_loop(place, s3_options, run)

    assert differences(expected, place.facts()) == []


def test_an_asynchronous_handle_is_a_read(make_place, s3_options):
    """`open_async` gives a handle whose coroutines read the object."""
    place = make_place("s3")
    place.fill()

    async def read(p, fs):
        handle = await fs.open_async(p.at("a"), "rb")
        content = await handle.read()
        await handle.close()
        return content

    assert in_own_loop(place, s3_options, read) == A

    assert place.facts() == [whole("read", "a", A)]


def test_many_coroutines_at_once_are_recorded_each(make_place, s3_options):
    """Concurrent tasks in one loop do not hide each other."""
    place = make_place("s3")
    place.fill()

    async def gather(p, fs):
        await asyncio.gather(*(fs._pipe_file(p.at(f"n{n}"), b"%d" % n) for n in range(20)))
        return await asyncio.gather(*(fs._cat_file(p.at(f"n{n}")) for n in range(20)))

    in_own_loop(place, s3_options, gather)

    expected = [whole(w, f"n{n}", b"%d" % n) for n in range(20) for w in ("read", "write")]
    assert differences(expected, place.facts()) == []


def test_a_wrapped_filesystem_is_asynchronous_when_the_bare_one_is(s3_options):
    """Libraries look at the class and at `async_impl`."""
    bare = fsspec.filesystem("s3", **s3_options)
    wrapped = provfs.wrap(bare)

    assert isinstance(wrapped, AsyncFileSystem)
    assert wrapped.async_impl
    assert asyncio.iscoroutinefunction(wrapped._cat_file)
    assert not provfs.wrap(fsspec.filesystem("memory")).async_impl
    assert wrapped.loop is bare.loop


@pytest.mark.parametrize("layers", ["below", "above", "both"])
@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_sync_filesystem_made_asynchronous_is_recorded_once(make_place, kind, layers):
    """The adapter runs the sync methods in threads; only one of the two layers may tell."""
    adapter = pytest.importorskip("fsspec.implementations.asyn_wrapper").AsyncFileSystemWrapper
    place = make_place(kind)
    place.fill()

    async def work(fs):
        await fs._pipe_file(place.at("n"), NEW)
        return await fs._cat_file(place.at("a"))

    fs = adapter(place.bare if layers == "above" else place.fs, asynchronous=True)
    fs = fs if layers == "below" else provfs.wrap(fs)

    assert asyncio.run(work(fs)) == A

    assert differences([whole("read", "a", A), whole("write", "n", NEW)], place.facts()) == []


@pytest.mark.parametrize("layers", ["below", "above"])
def test_a_write_that_upstream_loses_is_no_output(make_place, layers):
    """The adapter's `open` for writing stores nothing on a local filesystem: no record."""
    adapter = pytest.importorskip("fsspec.implementations.asyn_wrapper").AsyncFileSystemWrapper
    place = make_place("local")
    fs = provfs.wrap(adapter(place.bare)) if layers == "above" else adapter(place.fs)

    with fs.open(place.at("n"), "wb") as f:
        f.write(NEW)

    written = [fact for fact in place.facts() if fact.what == "write"]
    expected = [] if place.stored("n") is None else [whole("write", "n", NEW)]
    assert written == expected
