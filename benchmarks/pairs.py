"""Time two ways of doing the same thing in turn, and give the ratio pair by pair.

Contract: A and B run one after the other, in alternating order, after one uncounted pair; the ratio
of a pair is taken before any median, so that a machine whose speed drifts does not change it. Times
are CPU or wall seconds as named. Nothing is judged here.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path(__file__).parent / "results"


class Ratio(NamedTuple):
    """Ratios of one comparison: median, smallest and largest pair; medians of both in seconds.

    `cpu` is the median ratio of the CPU time of this process, which a busy machine changes less.
    """

    median: float
    smallest: float
    largest: float
    ours_s: float
    bare_s: float
    pairs: int
    cpu: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.smallest:.3f}-{self.largest:.3f})"


def compare(
    ours: Callable[[], float | None],
    bare: Callable[[], float | None],
    pairs: int = 7,
    before: Callable[[], object] = lambda: None,
) -> Ratio:
    """Run both in turn and return the ratios ours / bare.

    Args:
        ours: Does the work and may return its own time in seconds; otherwise wall time is taken.
        bare: The same work without provfs, or with a peer.
        pairs: Counted pairs; one more is run first.
        before: Prepares each run, of both sides alike; not measured.
    """
    times: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for number in range(pairs + 1):
        if number % 2:
            first = _timed(ours, before)
            second = _timed(bare, before)
        else:
            second = _timed(bare, before)
            first = _timed(ours, before)
        if number:
            times.append((first, second))
    ratios = [a / b for (a, _), (b, _) in times]
    return Ratio(
        statistics.median(ratios), min(ratios), max(ratios),
        statistics.median(a for (a, _), _ in times), statistics.median(b for _, (b, _) in times),
        pairs, statistics.median(a / b for (_, a), (_, b) in times),
    )  # fmt: skip


def _timed(work: Callable[[], float | None], before: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that the work took, and its seconds of CPU; or its own time twice."""
    before()
    began, cpu_began = time.perf_counter(), time.process_time()
    own = work()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    return (wall_s, cpu_s) if own is None else (own, own)


def cpu_of(command: Sequence[str], *, cwd: Path, env: dict[str, str]) -> float:
    """Run a command and return the CPU seconds of it and all it waited for.

    Raises:
        RuntimeError: It failed.
    """
    pid = os.posix_spawnp(command[0], command, env, file_actions=_quiet(cwd))
    _, status, usage = os.wait4(pid, 0)
    if status:
        msg = f"{command} ended with status {status}"
        raise RuntimeError(msg)
    return usage.ru_utime + usage.ru_stime


def _quiet(cwd: Path) -> list[tuple[Any, ...]]:
    os.chdir(cwd)
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]


def machine() -> dict[str, Any]:
    """Return what the figures were taken on."""
    import duckdb  # noqa: PLC0415
    import fsspec  # noqa: PLC0415

    return {
        "python": platform.python_version(), "system": f"{platform.system()} {platform.release()}",
        "processors": os.cpu_count(), "duckdb": duckdb.__version__, "fsspec": fsspec.__version__,
    }  # fmt: skip


def keep(name: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows of one benchmark to `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    document = {"machine": machine(), "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a Markdown table."""
    columns = list(rows[0])
    print(
        f"\n## {title}\n", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), sep="\n"
    )
    for row in rows:
        print("| " + " | ".join(str(row[column]) for column in columns) + " |")


def child(function: str, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run `module:function` of the benchmarks in a fresh process and return what it printed."""
    module, name = function.split(":")
    code = f"import sys; from {module} import {name}; {name}(*sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
    ).stdout
