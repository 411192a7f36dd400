"""How fast are ingest and the walks, in a log of a given number of accesses?

Histories of `benchmarks.lineage_log`: a team's projects, with a tree of processes for each run, a
program that writes very many files from very many, and a chain. Journals are made first and not
timed. `--accesses N`.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import lineage_log
from benchmarks.pairs import keep, show
from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.log import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def timed(settings: Settings, statement: str, repeats: int = 5) -> tuple[float, int]:
    """Return (median seconds, rows) of a statement in an open log."""
    times, count = [], 0
    with store.reader(settings.log_path) as connection:
        for _ in range(repeats):
            began = time.perf_counter()
            count = len(store.fetch(connection, statement).rows)
            times.append(time.perf_counter() - began)
    return statistics.median(times), count


def main(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accesses", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--reads", type=int, default=100_000)
    options = parser.parse_args(arguments)
    rows = [
        *_in_a_log(_graph, options.accesses),
        *_in_a_log(_loaders, options.accesses),
        *_in_a_log(_exploding, options.reads),
        *_in_a_log(_deep, options.steps),
    ]
    show(f"Log of {options.accesses:,} accesses", rows)
    keep("lineage", rows)
    return rows


def _in_a_log(
    part: Callable[[Settings, int], list[dict[str, Any]]], size: int
) -> list[dict[str, Any]]:
    home = Path(tempfile.mkdtemp(prefix="bench-log-"))
    settings = Settings(home=home)
    prepare_home(settings)
    try:
        return part(settings, size)
    finally:
        shutil.rmtree(home)


def _graph(settings: Settings, accesses: int) -> list[dict[str, Any]]:
    graph = lineage_log.projects(settings.journal_directory, accesses)
    model, records = graph.model, graph.records
    ingested = _ingest(settings, records)
    size = settings.log_path.stat().st_size
    rows = [
        ingested,
        _row("log size", f"{size / 1e6:,.1f} MB ({size / records:.0f} B/record)", "-"),
    ]
    questions = (
        ("upstream", model, "<= 100 ms at 10 million"),
        ("downstream", graph.dataset, "<= 300 ms at 10 million"),
        ("downstream, of a file that all projects read", graph.hub, "-"),
    )
    for name, x, budget in questions:
        seconds, count = timed(settings, f"FROM {name.split(',')[0]}('{x}')")
        rows.append(_row(f"{name} ({count:,} rows)", f"{seconds * 1e3:,.0f} ms", budget))
    direct = f"SELECT * FROM edges WHERE output_uri = '{model}'"  # noqa: S608 - of our own making
    seconds, count = timed(settings, direct)
    rows.append(_row(f"direct inputs in edges ({count:,} rows)", f"{seconds * 1e3:,.0f} ms", "-"))
    return rows


def _loaders(settings: Settings, accesses: int) -> list[dict[str, Any]]:
    graph = lineage_log.loaders(settings.journal_directory, accesses)
    return [_ingest(settings, graph.records)]


def _ingest(settings: Settings, records: int) -> dict[str, Any]:
    cpu_s = -time.process_time()
    report = ingest(settings)
    cpu_s += time.process_time()
    what = f"ingest of {records:,} records in {report.journals:,} journals"
    figure = (
        f"{records / report.elapsed_s:,.0f} records/s, {cpu_s / records * 1e6:.1f} us of CPU each"
    )
    return _row(what, figure, ">= 400,000 records/s")


def _deep(settings: Settings, steps: int) -> list[dict[str, Any]]:
    graph = lineage_log.chain(settings.journal_directory, steps)
    ingest(settings)
    seconds, count = timed(settings, f"FROM upstream('{graph.model}')", 1)
    what = f"upstream of a {steps:,}-step chain ({count:,} rows)"
    return [_row(what, f"{seconds:,.2f} s", "all, < 5 s")]


def _exploding(settings: Settings, reads: int) -> list[dict[str, Any]]:
    graph = lineage_log.exploding(settings.journal_directory, 10, reads, 100)
    ingest(settings)
    rows = []
    for name, x in (("upstream", graph.model), ("downstream", graph.dataset)):
        seconds, count = timed(settings, f"FROM {name}('{x}')")
        what = f"{name}, 10 runs of {reads:,} reads and 100 checkpoints ({count:,} rows)"
        rows.append(_row(what, f"{seconds * 1e3:,.0f} ms", "-"))
    return rows


def _row(what: str, figure: str, budget: str) -> dict[str, Any]:
    return {"what": what, "figure": figure, "budget": budget}


if __name__ == "__main__":
    main(sys.argv[1:])
