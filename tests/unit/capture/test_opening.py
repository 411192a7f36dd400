"""The replaced `open` against the original: same results, same errors, and the right records."""

from __future__ import annotations

import gzip
import inspect
import io
import itertools
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from provfs.digest import digest_of_bytes
from provfs.journal import record

MODES = sorted({"".join(p) for n in (1, 2, 3) for p in itertools.permutations("rwxab+t", n)})


def outcome(function: Any, path: Path, mode: str, **options: Any) -> tuple[Any, ...]:
    """Return what a mode does to a file: the error, or types, attributes, content read and left."""
    path.unlink(missing_ok=True)
    if "x" not in mode:
        path.write_bytes(b"one\ntwo\n")
    try:
        handle = function(str(path), mode, **options)
    except Exception as error:  # noqa: BLE001 - the error is the result
        return type(error), str(error), path.exists()
    with handle:
        kind = type(handle).__name__
        about = (
            kind,
            handle.name,
            handle.mode,
            handle.readable(),
            handle.writable(),
            handle.seekable(),
            handle.tell(),
        )
        text = kind == "TextIOWrapper"
        extra = (handle.encoding, handle.errors, handle.line_buffering) if text else ()
        got = handle.read() if handle.readable() else None
        if handle.writable():
            handle.write("new" if text else b"new")
    return (*about, *extra, got, handle.closed, path.read_bytes())


@pytest.mark.parametrize("buffering", [-1, 0, 1, 7])
@pytest.mark.filterwarnings("ignore:line buffering:RuntimeWarning")
def test_open_in_every_mode_equals_bare_open(bench: Any, tmp_path: Path, buffering: int) -> None:
    """Every combination of mode letters gives the same file, the same content or the same error."""
    path = tmp_path / "f.txt"

    different = [
        mode
        for mode in MODES
        if outcome(bench.open, path, mode, buffering=buffering)
        != outcome(io.open, path, mode, buffering=buffering)
    ]

    assert different == []


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "r", "encoding": "latin-1"},
        {"mode": "r", "newline": ""},
        {"mode": "r", "newline": "x"},
        {"mode": "r", "encoding": "no-such"},
        {"mode": "rb", "encoding": "utf-8"},
        {"mode": "w", "errors": "no-such"},
        {"mode": "r", "closefd": False},
        {"mode": "z"},
        {"mode": "rb", "newline": "\n"},
    ],
)
def test_open_with_odd_arguments_equals_bare_open(
    bench: Any, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Options and their errors are those of the original."""
    path = tmp_path / "f.txt"

    assert outcome(bench.open, path, **options) == outcome(io.open, path, **options)


@pytest.mark.parametrize(
    "target", ["missing/f", "", "dir", b"missing", 10**6, -1, None, 1.5, "nul\0"]
)
def test_open_fails_as_bare_open_does(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Any
) -> None:
    """What cannot be opened gives the same error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir").mkdir()

    def error_of(function: Any) -> tuple[type, str]:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any, if the same
            function(target)
        return caught.type, str(caught.value)

    assert error_of(bench.open) == error_of(io.open)


def test_open_looks_like_the_original(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inspection, use as a class attribute and pickling work as with the builtin."""
    monkeypatch.setattr(io, "open", bench.open)

    class Holder:
        open = bench.open

    assert bench.open.__name__ == "open"
    assert list(inspect.signature(bench.open).parameters) == [
        "file",
        "mode",
        "buffering",
        "encoding",
        "errors",
        "newline",
        "closefd",
        "opener",
    ]
    assert Holder().open is bench.open
    assert pickle.loads(pickle.dumps(bench.open)) is bench.open


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 8193, 65536, 65537, (1 << 20) + 1])
def test_read_and_write_have_the_digest_of_the_content(
    bench: Any, tmp_path: Path, size: int
) -> None:
    """A file that is written in pieces and read back has one digest on both sides."""
    content = os.urandom(size)
    path = tmp_path / "data.bin"

    with bench.open(path, "wb") as out:
        for start in range(0, size, 777):
            out.write(content[start : start + 777])
    with bench.open(path, "rb") as back:
        while back.read(1000):
            pass

    expected = str(digest_of_bytes(content))
    assert [a.digest for a in bench.accesses("write")] == [expected]
    assert [(a.digest, a.size_bytes) for a in bench.accesses("read")] == [(expected, size)]


def test_repeated_reads_are_counted_not_recorded(bench: Any, tmp_path: Path) -> None:
    """Epochs over an unchanged file leave one record with the total, and one per change."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n")
    os.utime(path, (1, 1))

    for _ in range(50):
        with bench.open(path) as file:
            file.read()
    path.write_bytes(b"c,d\n")
    with bench.open(path) as file:
        file.read()
    bench.recorder.finish()

    reads = bench.accesses("read")
    first = str(digest_of_bytes(b"a,b\n"))
    assert sum(a.opens for a in reads if a.digest == first) == 50
    assert len(reads) <= 3
    assert {a.digest for a in reads} == {first, str(digest_of_bytes(b"c,d\n"))}


def test_a_change_within_one_clock_tick_is_seen(bench: Any, tmp_path: Path) -> None:
    """A file that is rewritten right after it was read, with the same size, gets its own digest."""
    path = tmp_path / "data.bin"
    for content in (b"1111", b"2222", b"3333"):
        path.write_bytes(content)
        with bench.open(path, "rb") as file:
            file.read()
    bench.recorder.finish()

    assert [a.digest for a in bench.accesses("read")] == [
        str(digest_of_bytes(c)) for c in (b"1111", b"2222", b"3333")
    ]


def test_rewriting_and_bypassing_handles_are_hashed_again(bench: Any, tmp_path: Path) -> None:
    """Seeking back, truncating and writing through the descriptor never give a stale digest."""
    paths = [tmp_path / name for name in ("seek", "cut", "fd")]
    with bench.open(paths[0], "wb") as file:
        file.write(b"0123456789")
        file.seek(2)
        file.write(b"XY")
    with bench.open(paths[1], "wb") as file:
        file.write(b"0123456789")
        file.truncate(4)
    with bench.open(paths[2], "wb") as file:
        os.write(file.fileno(), b"direct")

    assert [a.digest for a in bench.accesses("write")] == [
        str(digest_of_bytes(p.read_bytes())) for p in paths
    ]


def test_append_and_update_read_the_prior_version(bench: Any, tmp_path: Path) -> None:
    """A file changed in place is a read of the old version and a write of the new one."""
    path = tmp_path / "f.bin"
    path.write_bytes(b"old")

    with bench.open(path, "ab") as file:
        file.write(b"+new")
    with bench.open(path, "r+b") as file:
        file.write(b"O")
    with bench.open(path, "r+b") as file:
        file.read()
    with bench.open(path, "ab"):
        pass

    versions = [str(digest_of_bytes(c)) for c in (b"old", b"old+new", b"Old+new")]
    assert [a.digest for a in bench.accesses("write")] == versions[1:]
    assert [a.digest for a in bench.accesses("read")] == versions
    assert len(bench.records(record.Opening)) == 2


def test_file_that_changes_while_it_is_read_is_unstable(bench: Any, tmp_path: Path) -> None:
    """Both versions are recorded, neither with a digest."""
    path = tmp_path / "f.bin"
    path.write_bytes(b"before")

    with bench.open(path, "rb") as file:
        file.read(3)
        path.write_bytes(b"after it")
        file.read()

    assert [(a.unstable, a.digest, a.size_bytes) for a in bench.accesses("read")] == [
        (True, None, 6),
        (True, None, 8),
    ]


def test_partial_read_has_ranges(bench: Any, tmp_path: Path) -> None:
    """What was read of a large file is known, and its digest is left for later with a reason."""
    path = tmp_path / "f.bin"
    path.write_bytes(bytes(3 << 20))

    with bench.open(path, "rb", buffering=0) as file:
        file.read(100)
        file.seek(1 << 20)
        file.read(50)

    [access] = bench.accesses("read")
    assert access.ranges == ((0, 100), (1 << 20, (1 << 20) + 50))
    assert access.digest is None
    assert access.reason


def test_opening_without_reading_is_no_access(bench: Any, tmp_path: Path) -> None:
    """A file that was opened and closed told the job nothing."""
    path = tmp_path / "f.bin"
    path.write_bytes(b"data")

    bench.open(path, "rb").close()

    assert bench.accesses("read") == []


def test_open_of_descriptors_pipes_and_devices(bench: Any, tmp_path: Path) -> None:
    """Descriptors of files are captured under the file's name; pipes and devices pass through."""
    path = tmp_path / "f.bin"
    path.write_bytes(b"data")
    with bench.open(os.open(path, os.O_RDONLY), "rb") as file:
        assert file.read() == b"data"
    reader, writer = os.pipe()
    with bench.open(writer, "wb") as out:
        out.write(b"through")
    with bench.open(reader, "rb") as back:
        assert back.read() == b"through"
    with bench.open(os.devnull, "w") as null:
        null.write("x")

    assert [a.uri for a in bench.accesses("read")] == [path.as_uri()]
    assert bench.accesses("write") == []


def test_gzip_hashes_the_stored_bytes(bench: Any, tmp_path: Path) -> None:
    """The digest of a compressed file is that of the file, not of what was in it."""
    path = tmp_path / "f.gz"

    with bench.open(path, "wb") as raw, gzip.open(raw, "wt") as out:
        out.write("hello\n" * 1000)
    with bench.open(path, "rb") as raw, gzip.open(raw, "rt") as back:
        assert back.read() == "hello\n" * 1000

    expected = str(digest_of_bytes(path.read_bytes()))
    assert [a.digest for a in (*bench.accesses("write"), *bench.accesses("read"))] == [
        expected,
        expected,
    ]


def test_dropped_handle_and_exception_are_recorded(bench: Any, tmp_path: Path) -> None:
    """A handle that is never closed, or left by an exception, still tells what was stored."""
    with pytest.warns(ResourceWarning):
        bench.open(tmp_path / "dropped", "wb").write(b"abc")

    def fail() -> None:
        with bench.open(tmp_path / "left", "wb") as file:
            file.write(b"de")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert [a.digest for a in bench.accesses("write")] == [
        str(digest_of_bytes(c)) for c in (b"abc", b"de")
    ]


def test_threads_are_told_apart(bench: Any, tmp_path: Path) -> None:
    """Reads of one file by several threads are accesses of their own, none lost."""
    path = tmp_path / "f.bin"
    path.write_bytes(b"shared")
    os.utime(path, (1, 1))

    def read() -> None:
        for _ in range(200):
            with bench.open(path, "rb") as file:
                assert file.read() == b"shared"

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.recorder.finish()

    assert sum(a.opens for a in bench.accesses("read")) == 800
