"""Wrapped fsspec filesystems: equal to the bare ones, and recorded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provfs.journal import record

if TYPE_CHECKING:
    from collections.abc import Callable

PREPARE = """
import fsspec, pickle
from provfs.capture import wrap
local = wrap(fsspec.filesystem("file"))
memory = wrap(fsspec.filesystem("memory"))
"""


def run(job: Any, program: str, *, capture: bool = False) -> Any:
    """Run lines after the preparation; returns the finished process."""
    done = job.run(PREPARE + program, capture=capture)
    assert done.returncode == 0, done.stderr
    return done


def test_wrapped_filesystem_is_of_its_own_class(job: Any) -> None:
    """Type checks, names, equality, pickling and wrapping twice behave sensibly."""
    run(
        job,
        """
from fsspec.implementations.local import LocalFileSystem
bare = fsspec.filesystem("file")
assert isinstance(local, LocalFileSystem) and type(memory).__name__ == "MemoryFileSystem"
assert wrap(local) is local and local != bare and bare != local
copy = pickle.loads(pickle.dumps(local))
assert copy == local and wrap(copy) is copy
assert fsspec.AbstractFileSystem.from_json(memory.to_json()).protocol == "memory"
""",
    )


@pytest.mark.parametrize("capture", [False, True])
def test_local_reads_and_writes_are_recorded_once(
    job: Any, capture: bool, digest: Callable[[bytes], str]
) -> None:
    """Handles, whole-file calls and text mode give one access each, also under `provfs run`."""
    run(
        job,
        """
with local.open("a.csv", "wb") as f: f.write(b"a,b")
assert local.cat_file("a.csv") == b"a,b"
with local.open("t.txt", "w") as f: f.write("text")
local.pipe_file("p.bin", b"piped")
""",
        capture=capture,
    )

    assert [(a.mode, a.digest) for a in job.accesses("a.csv")] == [
        ("write", digest(b"a,b")),
        ("read", digest(b"a,b")),
    ]
    assert [(a.mode, a.digest) for a in job.accesses("t.txt")] == [("write", digest(b"text"))]
    assert [(a.mode, a.digest) for a in job.accesses("p.bin")] == [("write", digest(b"piped"))]


def test_memory_operations_are_recorded(job: Any, digest: Callable[[bytes], str]) -> None:
    """Objects in memory have their digest, copies name their source, moves are renames."""
    run(
        job,
        """
with memory.open("/a", "wb") as f: f.write(b"one"); f.write(b"two")
assert memory.cat("/a") == b"onetwo"
memory.cp_file("/a", "/b"); memory.mv("/b", "/c"); memory.rm("/c")
memory.pipe_file("/p", b"piped")
""",
    )

    found = [(a.uri, a.mode, a.digest) for a in job.records(record.Access)]
    content = digest(b"onetwo")
    assert found[:3] == [
        ("memory:///a", "write", content), ("memory:///a", "read", content),
        ("memory:///b", "write", content),
    ]  # fmt: skip
    assert job.records(record.Access)[2].copy_of == job.records(record.Access)[1].id
    assert [(r.uri, r.to) for r in job.records(record.Rename)] == [("memory:///b", "memory:///c")]
    assert [r.uri for r in job.records(record.Remove)] == ["memory:///c"]


def test_exception_in_a_remote_write_is_incomplete(job: Any) -> None:
    """Content that was stored although the writer failed is marked."""
    run(
        job,
        """
try:
    with memory.open("/a", "wb") as f:
        f.write(b"part"); raise KeyError
except KeyError: pass
""",
    )

    assert [a.complete for a in job.records(record.Access)] == [False]


def test_transfers_name_their_source(job: Any, digest: Callable[[bytes], str]) -> None:
    """Download, upload and copy are a read and a write that points at it."""
    run(
        job,
        """
memory.pipe_file("/a", b"x"); memory.get_file("/a", "down"); memory.put_file("down", "/up")
local.cp_file("down", "copy")
""",
    )

    by_id = {a.id: a for a in job.records(record.Access)}
    copies = [
        (by_id[a.copy_of].uri.rpartition("/")[2], a.uri.rpartition("/")[2], a.digest)
        for a in by_id.values()
        if a.copy_of
    ]
    assert copies == [
        ("a", "down", digest(b"x")),
        ("down", "up", digest(b"x")),
        ("down", "copy", digest(b"x")),
    ]


def test_transaction_is_published_by_a_rename(job: Any) -> None:
    """What a transaction stores appears at commit; what is rolled back is removed."""
    run(
        job,
        """
with local.transaction:
    with local.open("kept", "wb") as f: f.write(b"1")
try:
    with local.transaction:
        with local.open("dropped", "wb") as f: f.write(b"2")
        raise KeyError
except KeyError: pass
""",
    )

    assert [r.to.rpartition("/")[2] for r in job.records(record.Rename)] == ["kept"]
    assert len(job.records(record.Remove)) == 1
    assert job.accesses("dropped") == []


def test_instrumented_filesystem_needs_no_change(job: Any, digest: Callable[[bytes], str]) -> None:
    """Under `provfs run` plain fsspec is captured, the local filesystem through `open`."""
    done = job.run(
        """
        import fsspec
        with fsspec.open("memory://a", "wb") as f: f.write(b"m")
        with fsspec.open("b.csv", "w") as f: f.write("l")
        fsspec.filesystem("memory").mv("/a", "/c")
        """
    )

    assert done.returncode == 0, done.stderr
    found = [(a.channel, a.mode, a.digest) for a in job.records(record.Access)]
    assert found == [("fsspec", "write", digest(b"m")), ("open", "write", digest(b"l"))]
    assert [(r.uri, r.to) for r in job.records(record.Rename)] == [("memory:///a", "memory:///c")]


@pytest.mark.parametrize("capture", [False, True])
def test_async_filesystem_is_recorded_once_under_the_calling_thread(
    job: Any, capture: bool
) -> None:
    """Sync calls of an async filesystem belong to the thread that made them."""
    run(
        job,
        """
import threading
from fsspec.asyn import AsyncFileSystem
class Box(AsyncFileSystem):
    protocol = "box"; cachable = False; store = {}
    async def _cat_file(self, path, start=None, end=None, **kw): return self.store[path][start:end]
    async def _pipe_file(self, path, value, **kw): self.store[path] = bytes(value)
    async def _cp_file(self, a, b, **kw): self.store[b] = self.store[a]
    async def _rm_file(self, path, **kw): del self.store[path]
    async def _info(self, path, **kw):
        if path in self.store: return {"name": path, "size": len(self.store[path]), "type": "file"}
        raise FileNotFoundError(path)
box = Box() if CAPTURE else wrap(Box())
box.pipe_file("a", b"1"); assert box.cat("a") == b"1"; box.mv("a", "b")
with open("thread", "w") as f: f.write(str(threading.get_ident()))
""".replace("CAPTURE", str(capture)),
        capture=capture,
    )

    thread = int((job.work / "thread").read_text())
    boxed = [a for a in job.records(record.Access) if a.uri.startswith("box:")]
    assert [(a.mode, a.thread) for a in boxed] == [("write", thread), ("read", thread)]
    assert [(r.uri, r.to) for r in job.records(record.Rename)] == [("box://a", "box://b")]


def test_repeated_reads_of_an_object_are_counted(job: Any, digest: Callable[[bytes], str]) -> None:
    """Reading the same object again is counted; a changed object is a read of its own."""
    run(
        job,
        """
for content in (b"one", b"two"):
    memory.pipe_file("/a", content)
    for _ in range(20):
        assert memory.cat_file("/a") == content
        with memory.open("/a", "rb") as f: assert f.read() == content
""",
    )

    reads = [a for a in job.records(record.Access) if a.mode == "read"]
    assert {d: sum(a.opens for a in reads if a.digest == d) for d in {a.digest for a in reads}} == {
        digest(b"one"): 40,
        digest(b"two"): 40,
    }
    assert len(reads) == 4
    assert {a.fingerprint for a in reads} == {None}


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", None])
def test_text_and_compressed_objects_are_complete_when_the_outer_handle_is_closed(
    job: Any, capture: bool, compression: str | None
) -> None:
    """A compressor does not close the handle below; the version is written all the same."""
    place = "fsspec.filesystem('memory')" if capture else "memory"
    run(
        job,
        f"""
fs = {place}
outer = fs.open("/m.csv", "wt", compression={compression!r})
outer.write("a,b" * 1000)
assert type(outer).__name__ == "TextIOWrapper"
outer.close()
with fs.open("/n.csv", "wb", compression={compression!r}) as out: out.write(b"a,b" * 1000)
import xxhash
for name in "mn":
    assert fs.open(f"/{{name}}.csv", "rt", compression={compression!r}).read() == "a,b" * 1000
    stored = fs.store[f"/{{name}}.csv"].getvalue()
    with open(name, "w") as file: file.write(f"xxh3-128:{{xxhash.xxh3_128_hexdigest(stored)}}")
""",
        capture=capture,
    )

    for name in "mn":
        expected = (job.work / name).read_text()
        found = [a for a in job.records(record.Access) if a.uri == f"memory:///{name}.csv"]
        assert [(a.mode, a.digest, a.complete) for a in found] == [
            ("write", expected, True),
            ("read", expected, True),
        ]


def test_compressed_object_left_by_an_exception_is_incomplete(job: Any) -> None:
    """What a failed writer compressed is stored, and marked."""
    run(
        job,
        """
try:
    with memory.open("/m.gz", "wb", compression="gzip") as out:
        out.write(b"part"); raise KeyError
except KeyError: pass
""",
    )

    assert [(a.uri, a.complete) for a in job.records(record.Access)] == [("memory:///m.gz", False)]


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz"])
def test_compressed_local_files_have_the_digest_of_what_is_stored(
    job: Any, compression: str, digest: Callable[[bytes], str]
) -> None:
    """Text through a compressor onto a local file is one complete version."""
    run(
        job,
        f"""
with local.open("a.gz", "wt", compression={compression!r}) as out: out.write("text")
with local.open("a.gz", "rt", compression={compression!r}) as back: assert back.read() == "text"
""",
    )

    stored = digest((job.work / "a.gz").read_bytes())
    assert [(a.mode, a.digest, a.complete) for a in job.accesses("a.gz")] == [
        ("write", stored, True),
        ("read", stored, True),
    ]


def test_included_system_trees_are_captured_through_the_wrapper(job: Any) -> None:
    """A pattern that includes a place outside the default scope wins over every built-in rule."""
    job.home.mkdir()
    (job.home / "config.toml").write_text('[scope]\ninclude = ["*/kept.py"]\n')

    run(job, 'with local.open("kept.py", "w") as out: out.write("1")')

    assert [a.mode for a in job.accesses("kept.py")] == ["write"]
