"""Other programs that see what a command opens: how they are started, and what their traces hold.

Contract: a tracer that is not installed, or does not run here, is left out. Reprozip is taken from
`REPROZIP`, or from the path. Not here: the measurement, see `benchmarks.bench_run`.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provfs.config import Settings
from provfs.ingest import ingest
from provfs.log import store

if TYPE_CHECKING:
    from collections.abc import Callable

_OPENED = re.compile(r'^(\d+) +openat\([^,]+, "([^"]+)", O_RDONLY')
_READS = """
SELECT count(DISTINCT a.uri), count(DISTINCT a.execution_id)
FROM accesses a WHERE a.mode = 'read' AND regexp_matches(a.uri, ?)
"""


@dataclass(frozen=True)
class Tracer:
    """One way to run a command.

    `command` makes the words of a command line from a directory for the trace and the words of the
    program; `found` reads from the trace how many files, whose names match a pattern, were seen to
    be read, and by how many processes. Without `found` nothing is seen.
    """

    name: str
    command: Callable[[Path, list[str]], list[str]]
    found: Callable[[Path, str], tuple[int, int]] | None = None


def tracers() -> list[Tracer]:
    """Return the bare program first, then provfs, then the others that run here."""
    known = [
        Tracer("bare", lambda _, words: words),
        Tracer("provfs run", _provfs, _found_by_provfs),
        Tracer("provfs run without the library", _provfs_python, _found_by_provfs),
    ]
    if shutil.which("strace"):
        known.append(Tracer("strace --seccomp-bpf", _strace, _found_by_strace))
    reprozip = os.environ.get("REPROZIP") or shutil.which("reprozip")
    if reprozip:
        known.append(
            Tracer(
                "ReproZip",
                lambda trace, words: [
                    *(reprozip, "trace", "-d", str(trace), "--dont-identify-packages"),
                    *("--overwrite", *words),
                ],
                _found_by_reprozip,
            )
        )
    return known


def _provfs(trace: Path, words: list[str]) -> list[str]:
    return [str(Path(sys.executable).parent / "provfs"), "run", "--home", str(trace), "--", *words]


def _provfs_python(trace: Path, words: list[str]) -> list[str]:
    return ["env", "PROVFS_NO_PRELOAD=1", *_provfs(trace, words)]


def _found_by_provfs(trace: Path, pattern: str) -> tuple[int, int]:
    settings = Settings(home=trace)
    ingest(settings)
    with store.reader(settings.log_path) as connection:
        ((files, readers),) = store.fetch(connection, _READS, [pattern]).rows
    return int(files), int(readers)


def _strace(trace: Path, words: list[str]) -> list[str]:
    trace.mkdir(exist_ok=True)
    return [
        *("strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace / "log")),
        *("-e", "trace=%file,%process", *words),
    ]


def _found_by_strace(trace: Path, pattern: str) -> tuple[int, int]:
    wanted = re.compile(pattern)
    matches = map(_OPENED.match, (trace / "log").read_text(errors="replace").splitlines())
    seen = {m.groups() for m in matches if m is not None and wanted.search("/" + m.group(2))}
    return len({name for _, name in seen}), len({process for process, _ in seen})


def _found_by_reprozip(trace: Path, pattern: str) -> tuple[int, int]:
    wanted = re.compile(pattern)
    with sqlite3.connect(trace / "trace.sqlite3") as connection:
        rows = connection.execute("SELECT name, process FROM opened_files WHERE mode & 1")
        seen = {(name, process) for name, process in rows if wanted.search(name)}
    return len({name for name, _ in seen}), len({process for _, process in seen})


def runs_here(tracer: Tracer, trace: Path) -> bool:
    """Say whether a tracer can run a program on this machine."""
    finished = subprocess.run(
        tracer.command(trace, ["true"]), capture_output=True, check=False, timeout=60
    )
    shutil.rmtree(trace, ignore_errors=True)
    return finished.returncode == 0
