"""What does `provfs run` cost a pipeline and a start of Python, and does it see every read?

CPU seconds of a command with all its children, bare, under `provfs run` and under other tracers, in
turn; the trace of the first round, which is not counted, is asked how many of the files that were
read it knows, and how many processes it credits with them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.pairs import compare, cpu_of, keep, show
from benchmarks.tracers import runs_here, tracers
from benchmarks.workloads import (
    FILES,
    IMAGES,
    LOADER,
    LOADERS,
    STEPS,
    WORKERS,
    write_images,
)

PROVFS = str(Path(sys.executable).parent / "provfs")
STARTS = 10
MANY = 20_000
_MEMORY_PAIRS = 3
_ROUNDS = 5
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


def main() -> list[dict[str, Any]]:
    """Measure, print and keep."""
    work = Path(tempfile.mkdtemp(prefix="bench-run-"))
    try:
        rows = [*_starts(work), *_memory(work), *_pipeline(work), *_loader(work)]
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
    return [PROVFS, "run", "--", *command]


def _starts(work: Path) -> list[dict[str, Any]]:
    """Time the start of Python in a home without and with a configuration."""
    command = (sys.executable, "-c", "pass")
    rows = []
    for home, text in (("without", None), ("with", '[scope]\nexclude = ["*.log"]\n')):
        env = _environment(work / home)
        if text is not None:
            (work / home).mkdir()
            (work / home / "config.toml").write_text(text, encoding="utf-8")
            time.sleep(2.5)  # what was written a moment ago can change unseen, and is not kept

        def several(argv: list[str], env: dict[str, str] = env) -> None:
            for _ in range(STARTS):
                cpu_of(argv, cwd=work, env=env)

        ratio = compare(partial(several, _captured(*command)), partial(several, list(command)), 9)
        added = (ratio.ours_s - ratio.bare_s) / STARTS * 1e3
        what = f"wall time of `python -c pass`, {home} `config.toml`"
        rows.append(_row(what, f"+{added:.1f} ms", "<= +40 ms", str(ratio)))
    return rows


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
    steps = " && ".join(f"{sys.executable} {name}" for name in STEPS)
    (folder / "run.sh").write_text(f"{steps}\n", encoding="utf-8")
    return _traced(work, folder, "W1", ["sh", "run.sh"], r"/data/\d+\.csv$", (FILES, WORKERS))


def _loader(work: Path) -> list[dict[str, Any]]:
    folder = work / "loader"
    write_images(folder / "images")
    (folder / "loader.py").write_text(LOADER, encoding="utf-8")
    command = [sys.executable, "loader.py"]
    pattern = r"/images/\d+\.img$"
    return _traced(work, folder, "data loader", command, pattern, (IMAGES, LOADERS))


def _traced(
    work: Path, folder: Path, what: str, command: list[str], pattern: str, whole: tuple[int, int]
) -> list[dict[str, Any]]:
    """Run a command under every tracer in turn; return a row for each but the bare one."""
    env = _environment(work / "home")
    del env["PROVFS_HOME"]
    trace = work / "trace"
    ways = [way for way in tracers() if runs_here(way, trace)]
    times: dict[str, list[float]] = {way.name: [] for way in ways}
    seen: dict[str, tuple[int, int]] = {}
    for number in range(_ROUNDS + 1):
        for way in ways if number % 2 else ways[::-1]:
            shutil.rmtree(trace, ignore_errors=True)
            spent = cpu_of(way.command(trace, command), cwd=folder, env=env)
            if number:
                times[way.name].append(spent)
            elif way.found is not None:
                seen[way.name] = way.found(trace, pattern)
    shutil.rmtree(trace, ignore_errors=True)
    rows = []
    for way in ways[1:]:
        pairs = zip(times[way.name], times[ways[0].name], strict=True)
        ratios = sorted(own / bare for own, bare in pairs)
        files, readers = seen[way.name]
        spread = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f})"
        figure = (
            f"{(statistics.median(ratios) - 1) * 100:+.1f} % CPU; reads {files:,}/{whole[0]:,},"
            f" workers {readers}/{whole[1]}"
        )
        budget = "<= +5 %, all" if way.name == "provfs run" and what == "W1" else "-"
        rows.append(_row(f"{what}: {way.name}", figure, budget, spread))
    return rows


def _row(what: str, figure: str, budget: str, ratio: str) -> dict[str, Any]:
    return {"what": what, "figure": figure, "budget": budget, "ratio median (min-max)": ratio}


if __name__ == "__main__":
    main()
