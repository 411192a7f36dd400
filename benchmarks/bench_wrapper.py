"""What does the wrapped local filesystem cost against the bare one, and against builtin open?

Rows 1 to 3 of the budgets: streaming 1 GiB (read and write), the first open, read and close of a
small file, later opens of an unchanged one. Everything on a memory filesystem where there is one,
warm cache, digests on, records written to a real journal.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

import provfs
from benchmarks.pairs import Ratio, compare, keep, show

if TYPE_CHECKING:
    from collections.abc import Callable

GIB = 1 << 30
SMALL_BYTES = 4096
SMALL_FILES = 2000
_SETTLE_S = 0.05
"""A file that changed under 20 ms before it is read is hashed again; not measured here."""


def _directory() -> Path:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    return Path(tempfile.mkdtemp(prefix="bench-", dir=place))


def _stream_read(open_: Callable[..., Any], path: Path, chunk: int) -> None:
    with open_(str(path), "rb") as file:
        while file.read(chunk):
            pass


def _stream_write(open_: Callable[..., Any], path: Path, chunk: int) -> None:
    data = b"\xa5" * chunk
    with open_(str(path), "wb") as file:
        for _ in range(GIB // chunk):
            file.write(data)


def _read_all(open_: Callable[..., Any], paths: list[str]) -> None:
    for path in paths:
        with open_(path, "rb") as file:
            file.read()


def main() -> list[dict[str, Any]]:
    """Measure, print and keep."""
    home = Path(tempfile.mkdtemp(prefix="bench-home-"))
    directory = _directory()
    include = f'[scope]\ninclude = ["{directory}/*"]\n'
    (home / "config.toml").write_text(include, encoding="utf-8")
    os.environ["PROVFS_HOME"] = str(home)
    try:
        rows = [*_streams(directory), *_small_files(directory)]
    finally:
        shutil.rmtree(directory)
        shutil.rmtree(home)
    show("Wrapped local filesystem", rows)
    keep("wrapper", rows)
    return rows


def _row(what: str, against: str, budget: str, ratio: Ratio, count: int = 1) -> dict[str, Any]:
    return {
        "what": what,
        "against": against,
        "ratio median (min-max)": str(ratio),
        "budget": budget,
        "ours": f"{ratio.ours_s / count * 1e6:,.1f} us",
        "bare": f"{ratio.bare_s / count * 1e6:,.1f} us",
        "pairs": ratio.pairs,
    }


def _streams(directory: Path) -> list[dict[str, Any]]:
    bare = fsspec.filesystem("file")
    ours = provfs.wrap(bare)
    big = directory / "big.bin"
    _stream_write(open, big, 1 << 20)
    rows = []
    for chunk, name in ((1 << 20, "1 MiB"), (1 << 16, "64 KiB")):

        def read(chunk: int = chunk) -> None:
            # New times make it a version that was never read: the digest has to be computed.
            now_ns = time.time_ns()
            os.utime(big, ns=(now_ns, now_ns))
            _stream_read(ours.open, big, chunk)

        ratio = compare(read, partial(_stream_read, bare.open, big, chunk), 5)
        rows.append(_row(f"read 1 GiB in {name}", "bare fsspec", "1.10", ratio))
        ratio = compare(
            partial(_stream_write, ours.open, big, chunk),
            partial(_stream_write, bare.open, big, chunk),
            5,
        )
        rows.append(_row(f"write 1 GiB in {name}", "bare fsspec", "1.10", ratio))
    big.unlink()
    return rows


def _small_files(directory: Path) -> list[dict[str, Any]]:
    bare = fsspec.filesystem("file")
    ours = provfs.wrap(bare)
    paths = [str(directory / f"{number:05d}.bin") for number in range(SMALL_FILES)]
    for path in paths:
        Path(path).write_bytes(os.urandom(SMALL_BYTES))

    def first() -> float:
        # Old times of their own: never read before, and not so fresh that they are not trusted.
        now_ns = time.time_ns() - 10**12
        for path in paths:
            os.utime(path, ns=(now_ns, now_ns))
        time.sleep(_SETTLE_S)
        began = time.perf_counter()
        _read_all(ours.open, paths)
        return time.perf_counter() - began

    def again() -> None:
        _read_all(ours.open, paths)

    bare_fsspec = partial(_read_all, bare.open, paths)
    builtin = partial(_read_all, open, paths)
    once = "first open+read+close of 4 KiB"
    later = "later opens of an unchanged 4 KiB file"
    return [
        _row(once, "bare fsspec", "1.35", compare(first, bare_fsspec, 9), SMALL_FILES),
        _row(once, "builtin open", "-", compare(first, builtin, 9), SMALL_FILES),
        _row(later, "bare fsspec", "1.10", compare(again, bare_fsspec, 15), SMALL_FILES),
        _row(later, "builtin open", "-", compare(again, builtin, 15), SMALL_FILES),
    ]


if __name__ == "__main__":
    main()
