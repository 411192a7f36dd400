"""What does a wrapped filesystem cost against the bare one, and against builtin open?

Every case is run against bare fsspec, local ones against builtin `open` too: contents of 4 KiB to
1 GiB, read for the first time, read again, and written, by one thread and by eight. Local files lie
on a memory filesystem where there is one, where nothing hides the hash; S3 is a server on this
machine. Warm cache, digests on, records written to a real journal. Rows 1 to 3 of the budgets are
among the cases.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable
from typing import TYPE_CHECKING, Any, NamedTuple

import fsspec

import provfs
from benchmarks.pairs import compare, keep, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
FIRST, LATER, WRITE = "first read", "later read", "write"


class Case(NamedTuple):
    """Contents of one size that are read or written in pieces; `budget` is for bare fsspec."""

    what: str
    size_bytes: int
    files: int
    piece_bytes: int
    threads: int = 1
    budget: float | None = None


LOCAL = (
    Case(FIRST, 4 * KIB, 2000, 4 * KIB, budget=1.35),
    Case(LATER, 4 * KIB, 2000, 4 * KIB, budget=1.10),
    Case(WRITE, 4 * KIB, 2000, 4 * KIB),
    Case(FIRST, MIB, 256, MIB),
    Case(LATER, MIB, 256, MIB),
    Case(WRITE, MIB, 256, MIB),
    Case(FIRST, GIB, 1, MIB, budget=1.10),
    Case(FIRST, GIB, 1, 64 * KIB, budget=1.10),
    Case(LATER, GIB, 1, MIB, budget=1.10),
    Case(WRITE, GIB, 1, MIB, budget=1.10),
    Case(WRITE, GIB, 1, 64 * KIB, budget=1.10),
    Case(FIRST, 4 * KIB, 2000, 4 * KIB, 8),
    Case(LATER, 4 * KIB, 2000, 4 * KIB, 8),
    Case(WRITE, 4 * KIB, 2000, 4 * KIB, 8),
    Case(FIRST, 128 * MIB, 8, MIB, 8),
    Case(WRITE, 128 * MIB, 8, MIB, 8),
)
S3 = (
    Case(FIRST, 4 * KIB, 32, 4 * KIB),
    Case(WRITE, 4 * KIB, 32, 4 * KIB),
    Case(FIRST, 4 * KIB, 32, 4 * KIB, 8),
    Case(WRITE, 4 * KIB, 32, 4 * KIB, 8),
    Case(FIRST, MIB, 16, MIB),
    Case(WRITE, MIB, 16, MIB),
    Case(FIRST, 64 * MIB, 1, 8 * MIB),  # moto's server does not take a gigabyte in time
    Case(WRITE, 64 * MIB, 1, 8 * MIB),
)
_PAIRS, _PAIRS_LARGE, _PAIRS_S3 = 9, 5, 5
_SETTLE_S = 0.05
"""A file that changed under 20 ms before it is read is hashed again; not measured here."""

_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def main() -> list[dict[str, Any]]:
    """Measure, print and keep."""
    home = Path(tempfile.mkdtemp(prefix="bench-home-"))
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
    include = f'[scope]\ninclude = ["{directory}/*"]\n'
    (home / "config.toml").write_text(include, encoding="utf-8")
    os.environ["PROVFS_HOME"] = str(home)
    try:
        bare = fsspec.filesystem("file")
        opens = {"bare fsspec": bare.open, "builtin open": open}
        rows = [row for case in LOCAL for row in _local(case, directory, bare, opens)]
        rows.extend(_s3())
    finally:
        shutil.rmtree(directory)
        shutil.rmtree(home)
    show("Wrapped filesystems", rows)
    keep("wrapper", rows)
    return rows


class Crew:
    """Threads that each have their own files, the same in every round.

    Args:
        threads: How many; one is the thread that calls.
    """

    def __init__(self, threads: int) -> None:
        self._crew = [ThreadPoolExecutor(1) for _ in range(threads)] if threads > 1 else []

    def run(self, work: Callable[[list[str]], None], paths: list[str]) -> None:
        """Let every thread do the work on its part of the paths."""
        if not self._crew:
            work(paths)
            return
        crew = enumerate(self._crew)
        for part in [one.submit(work, paths[n :: len(self._crew)]) for n, one in crew]:
            part.result()


def _reading(open_: Callable[..., Any], case: Case) -> Callable[[list[str]], None]:
    piece = case.piece_bytes

    def read(paths: list[str]) -> None:
        for path in paths:
            with open_(path, "rb") as file:
                if piece == case.size_bytes:
                    file.read()
                else:
                    while file.read(piece):
                        pass

    return read


def _writing(open_: Callable[..., Any], case: Case) -> Callable[[list[str]], None]:
    data = os.urandom(case.piece_bytes)

    def write(paths: list[str]) -> None:
        for path in paths:
            with open_(path, "wb") as file:
                for _ in range(case.size_bytes // case.piece_bytes):
                    file.write(data)

    return write


def _local(
    case: Case, directory: Path, bare: Any, opens: dict[str, Callable[..., Any]]
) -> Iterator[dict[str, Any]]:
    """Measure one case against bare fsspec and builtin open.

    Before each run the files get a new place (read for the first time), stay (read again), or are
    taken away (written), for both sides alike.
    """
    ours = provfs.wrap(bare).open
    crew = Crew(case.threads)
    places = (directory / f"place{number}" for number in count())
    here = [next(places)]
    here[0].mkdir()

    def paths() -> list[str]:
        return [f"{here[0]}/{number:05d}.bin" for number in range(case.files)]

    def before() -> None:
        if case.what == WRITE:
            for path in paths():
                Path(path).unlink(missing_ok=True)
        elif case.what == FIRST:
            here.insert(0, next(places))
            here[1].rename(here[0])

    if case.what != WRITE:
        _writing(open, case)(paths())
        time.sleep(_SETTLE_S)
    kind = _writing if case.what == WRITE else _reading
    pairs = _PAIRS if case.size_bytes < MIB else _PAIRS_LARGE
    for name, open_ in opens.items():
        captured, plain = kind(ours, case), kind(open_, case)
        ratio = compare(
            lambda captured=captured: crew.run(captured, paths()),
            lambda plain=plain: crew.run(plain, paths()),
            pairs,
            before=before,
        )
        yield _row(case, "local", name, ratio)
    shutil.rmtree(here[0])


def _s3() -> Iterator[dict[str, Any]]:
    """Measure the cases of S3 against the bare filesystem; new names before each run."""
    with _server() as options:
        bare = fsspec.filesystem("s3", **options)
        bare.mkdir("bench")
        ours = provfs.wrap(bare)
        for case in S3:
            crew = Crew(case.threads)
            key = f"bench/{case.size_bytes}"
            paths = [f"{key}/{number}" for number in range(case.files)]
            kind = _reading if case.what == FIRST else _writing
            if case.what == FIRST:
                _writing(bare.open, case)(paths)
            captured, plain = kind(ours.open, case), kind(bare.open, case)
            ratio = compare(
                lambda captured=captured, crew=crew, paths=paths: crew.run(captured, paths),
                lambda plain=plain, crew=crew, paths=paths: crew.run(plain, paths),
                _PAIRS_S3,
                before=bare.invalidate_cache,
            )
            bare.rm(key, recursive=True)
            yield _row(case, "S3", "bare fsspec", ratio)


@contextmanager
def _server() -> Iterator[dict[str, Any]]:
    """Run an S3 server in a process of its own; gives the options of its filesystem."""
    with Popen([executable, "-c", _SERVER], stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield {"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{port}"}
        server.communicate("")


def _row(case: Case, place: str, against: str, ratio: Any) -> dict[str, Any]:
    budget = case.budget if (place, against) == ("local", "bare fsspec") else None
    met = "" if budget is None else "yes" if ratio.median <= budget else "no"
    return {
        "what": f"{place} {case.what}, {_size(case.size_bytes)} in {_size(case.piece_bytes)}",
        "threads": case.threads,
        "against": against,
        "ratio median (min-max)": str(ratio),
        "CPU": f"{ratio.cpu:.3f}",
        "budget": "-" if budget is None else f"{budget:.2f}",
        "met": met,
        "ours": f"{ratio.ours_s / case.files * 1e6:,.1f} us",
        "bare": f"{ratio.bare_s / case.files * 1e6:,.1f} us",
        "pairs": ratio.pairs,
    }


def _size(size_bytes: int) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size_bytes >= unit:
            return f"{size_bytes // unit} {name}"
    return f"{size_bytes // KIB} KiB"


if __name__ == "__main__":
    main()
