"""What does `provfs run` cost a pipeline and a start of Python, and does it see every read?

CPU seconds of the command with all its children, bare and under `provfs run`, in turn; afterwards
the log is asked how many of the 1,000 files of W1 were found, and by how many workers.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.pairs import compare, cpu_of, keep, show
from benchmarks.workloads import FILES, STEPS, WORKERS
from provfs.config import Settings
from provfs.ingest import ingest
from provfs.log import store

STARTS = 10
MANY = 20_000
_MEMORY_PAIRS = 3
_READER = """
import os, sys
folder = sys.argv[1]
for _ in range(int(sys.argv[2])):
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            file.read()
with open("/proc/self/status") as file:
    print(file.read().partition("VmHWM:")[2].split()[0])
"""
_READS = """
SELECT count(DISTINCT a.uri), count(DISTINCT a.execution_id)
FROM accesses a JOIN executions e USING (execution_id)
WHERE a.mode = 'read' AND a.uri LIKE '%/data/%.csv' AND e.program_id <> e.execution_id
"""


def main() -> list[dict[str, Any]]:
    """Measure, print and keep."""
    work = Path(tempfile.mkdtemp(prefix="bench-run-"))
    try:
        rows = [_starts(work), *_memory(work), *_pipeline(work)]
    finally:
        shutil.rmtree(work)
    show("provfs run", rows)
    keep("run", rows)
    return rows


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROVFS_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PROVFS_HOME": str(home)}


def _captured(*command: str) -> list[str]:
    return [sys.executable, "-m", "provfs", "run", "--", *command]


def _starts(work: Path) -> dict[str, Any]:
    env = _environment(work / "home-starts")
    command = (sys.executable, "-c", "pass")

    def several(argv: list[str]) -> None:
        for _ in range(STARTS):
            cpu_of(argv, cwd=work, env=env)

    ratio = compare(partial(several, _captured(*command)), partial(several, list(command)), 9)
    added = (ratio.ours_s - ratio.bare_s) / STARTS * 1e3
    return _row("wall time of `python -c pass`", f"+{added:.1f} ms", "<= +40 ms", str(ratio))


def _memory(work: Path) -> list[dict[str, Any]]:
    """Peak memory of a program that reads many files, once and ten times, against the bare one."""
    folder = work / "memory"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number:05d}.bin").write_bytes(b"x" * 512)
    env = _environment(work / "home-memory")
    rows = []
    for epochs in (1, 10):
        command = [sys.executable, "-c", _READER, str(folder), str(epochs)]
        added = [
            _peak(_captured(*command), env) - _peak(command, env) for _ in range(_MEMORY_PAIRS)
        ]
        what = f"peak memory added, {MANY:,} files read {epochs} times"
        spread = f"{min(added) / 2**20:.1f}-{max(added) / 2**20:.1f}"
        figure = f"+{statistics.median(added) / 2**20:.1f} MiB ({spread})"
        rows.append(_row(what, figure, "<= +15 MiB, flat", "-"))
    return rows


def _peak(command: list[str], env: dict[str, str]) -> int:
    finished = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return int(finished.stdout) * 1024


def _pipeline(work: Path) -> list[dict[str, Any]]:
    folder = work / "w1"
    (folder / "data").mkdir(parents=True)
    for name, text in STEPS.items():
        (folder / name).write_text(text, encoding="utf-8")
    home = work / "home"
    env = _environment(home)

    def steps(captured: bool) -> float:
        total = 0.0
        for name in STEPS:
            command = [sys.executable, name]
            argv = _captured(*command) if captured else command
            total += cpu_of(argv, cwd=folder, env=env)
        return total

    ratio = compare(partial(steps, True), partial(steps, False), 7)
    shutil.rmtree(home)
    steps(True)
    settings = Settings(home=home)
    ingest(settings)
    with store.reader(settings.log_path) as connection:
        ((files, workers),) = store.fetch(connection, _READS).rows
        ((lost,),) = store.fetch(connection, "SELECT sum(lost_records) FROM executions").rows
    cost = f"{(ratio.median - 1) * 100:+.1f} %"
    return [
        _row("CPU of W1, four steps", cost, "<= +5 %", str(ratio)),
        _row("reads of W1 found", f"{files}/{FILES}", f"{FILES}/{FILES}", "-"),
        _row("workers credited", f"{workers}/{WORKERS}", f"{WORKERS}/{WORKERS}", "-"),
        _row("records lost", str(lost), "0", "-"),
    ]


def _row(what: str, figure: str, budget: str, ratio: str) -> dict[str, Any]:
    return {"what": what, "figure": figure, "budget": budget, "ratio median (min-max)": ratio}


if __name__ == "__main__":
    main()
