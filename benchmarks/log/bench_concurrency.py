"""Do readers get right answers, and no errors, while the log is written all the time?

`python -m benchmarks concurrency [--seconds 60] [--readers 4] [--rate 1000]`. One process records
runs at a steady rate, one takes them into the log every half second as the agent does, and readers
type questions as fast as they are answered. Each run is the step of a small pipeline, so that every
answer can be checked: a question sees whole runs only, in the order in which they were recorded,
never fewer than a question before saw, and all that were recorded when it began, unless it says
itself how old it is. What was recorded in the end is in the log once.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.lineage_log import Process, keep
from benchmarks.pairs import keep as keep_rows
from benchmarks.pairs import show
from provfs.cli.main import main as provfs
from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.log import store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

STEPS = 5
"""Runs of one pipeline; each reads what the one before wrote."""

RUNS_AT_ONCE = 20
"""Runs that are recorded together, in one journal, which appears whole."""

RECORDS_PER_RUN = 5
_RUN_NS = 1_000_000
_INGEST_EVERY_S = 0.5
_SPAWN = multiprocessing.get_context("spawn")
_STATED = re.compile(r"the answer is ([0-9.]+) (ms|s|min|h) old")
_UNITS_S = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
_COUNTS = """
SELECT (SELECT count(*) FROM executions) AS runs, (SELECT count(*) FROM accesses) AS accesses,
    (SELECT count(*) FROM edges) AS edges, (SELECT count(*) FROM versions) AS versions"""


class Answers(NamedTuple):
    """What one reader saw: times of questions, what was wrong, what was shown as an error.

    `behind` counts the answers that said that they were old, `lag_s` is what they said.
    """

    times_s: list[float]
    wrong: list[str]
    errors: list[str]
    behind: int
    lag_s: list[float]


class Result(NamedTuple):
    """All readers together, and the writer."""

    answers: list[Answers]
    recorded: int
    in_log: int
    ingests_s: list[float]


def measure(seconds: float, readers: int, rate: int) -> Result:
    """Let everybody work for some seconds; at the end take in what is left."""
    home = Path(tempfile.mkdtemp(prefix="bench-concurrency-"))
    settings = Settings(home=home)
    prepare_home(settings)
    try:
        _appear(home, [_run(0)])
        ingest(settings)
        begun, done = _SPAWN.Value("q", 0), _SPAWN.Value("q", 0)
        over, results = _SPAWN.Event(), _SPAWN.Queue()
        workers = [_SPAWN.Process(target=_write, args=(home, over, results))] + [
            _SPAWN.Process(target=_read, args=(number, home, begun, done, over, results))
            for number in range(readers)
        ]
        for worker in workers:
            worker.start()
        recorded = _record(home, seconds, rate, begun, done)
        over.set()
        found = [results.get(timeout=60) for _ in workers]
        for worker in workers:
            worker.join()
        ingest(settings)
        with store.reader(settings.log_path) as connection:
            ((in_log,),) = store.fetch(connection, "SELECT count(*) FROM executions").rows
    finally:
        shutil.rmtree(home)
    answers = [one for one in found if isinstance(one, Answers)]
    ingests = next(one for one in found if isinstance(one, list))
    return Result(answers, recorded, in_log, ingests)


def _run(number: int) -> Process:
    """Return the run of this number: a step of the pipeline `number // STEPS`."""
    pipeline, step = divmod(number, STEPS)
    begin_ns = (number + 1) * _RUN_NS
    process = Process(number + 1, begin_ns)
    process.read(_file(pipeline, step), 10 * number, begin_ns + 1000)
    process.write(_file(pipeline, step + 1), 10 * (number + 1), begin_ns + 2000)
    return process


def _file(pipeline: int, step: int) -> str:
    return f"file:///data/{pipeline}/{step}.csv"


def _record(
    home: Path,
    seconds: float,
    rate: int,
    begun: Synchronized[int],
    done: Synchronized[int],
) -> int:
    """Write runs at the rate; return how many there are."""
    began = time.monotonic()
    number = 0
    while (elapsed := time.monotonic() - began) < seconds:
        if number * RECORDS_PER_RUN > elapsed * rate:
            time.sleep(0.005)
            continue
        runs = range(number + 1, number + 1 + RUNS_AT_ONCE)
        number = runs[-1]
        begun.value = number
        _appear(home, [_run(one) for one in runs])
        done.value = number
    return number + 1


def _appear(home: Path, runs: list[Process]) -> None:
    """Write one journal elsewhere and move it to where journals are, so that no half is seen."""
    aside = home / "aside"
    aside.mkdir(exist_ok=True)
    keep(runs, aside)
    for path in aside.iterdir():
        path.rename(home / "journal" / path.name)


def _write(home: Path, over: Event, results: Any) -> None:
    times = []
    while not over.wait(_INGEST_EVERY_S):
        times.append(ingest(Settings(home=home)).elapsed_s)
    results.put(times)


def _read(
    number: int,
    home: Path,
    begun: Synchronized[int],
    done: Synchronized[int],
    over: Event,
    results: Any,
) -> None:
    chance = random.Random(number)
    answers = Answers([], [], [], 0, [])
    behind = seen = 0
    while not over.is_set():
        recorded = done.value
        pipeline = chance.randrange(max(1, seen // STEPS))
        question = chance.choice(("counts", "upstream", "downstream"))
        words, check = {
            "counts": (["sql", _COUNTS], None),
            "upstream": (["upstream", _file(pipeline, STEPS)], "upstream"),
            "downstream": (["downstream", _file(pipeline, 0)], "downstream"),
        }[question if seen >= STEPS else "counts"]
        began = time.perf_counter()
        status, out, err = _ask([*words, "--json", "--home", str(home)])
        answers.times_s.append(time.perf_counter() - began)
        is_old = "old" in err
        if status or (err and not is_old):
            answers.errors.append(err)
            continue
        behind += is_old
        if stated := _STATED.search(err):
            answers.lag_s.append(float(stated[1]) * _UNITS_S[stated[2]])
        answer = json.loads(out)
        if check is None:
            runs = answer[0]["runs"]
            answers.wrong.extend(_wrong_counts(answer[0], seen, begun.value + 1))
            if runs < recorded + 1 and not is_old:
                answers.wrong.append(f"{recorded + 1} runs were recorded, {runs} told")
            seen = max(seen, runs)
        else:
            answers.wrong.extend(_wrong_walk(answer[check], pipeline))
    results.put(answers._replace(behind=behind))


def _ask(words: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = provfs(words)
    return status, out.getvalue(), err.getvalue()


def _wrong_counts(counts: dict[str, int], seen: int, begun: int) -> list[str]:
    """Say what cannot be: half runs, runs that went, runs that nobody began."""
    runs = counts["runs"]
    whole, rest = divmod(runs, STEPS)
    due = {
        "accesses": 2 * runs,
        "edges": runs,
        "versions": whole * (STEPS + 1) + (rest + 1 if rest else 0),
    }
    wrong = [f"{counts[n]} {n} of {runs} runs, not {v}" for n, v in due.items() if counts[n] != v]
    if not seen <= runs <= begun:
        wrong.append(f"{runs} runs after {seen}, of {begun}")
    return wrong


def _wrong_walk(rows: list[dict[str, Any]], pipeline: int) -> list[str]:
    found = {row["uri"] for row in rows}
    due = {_file(pipeline, step) for step in range(STEPS + 1)}
    # A walk is answered without its own start.
    return [] if len(found) == STEPS and found <= due else [f"{sorted(found)} of {pipeline}"]


def main(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Measure, print and keep.

    Raises:
        RuntimeError: An answer was wrong, an error was shown, or something was lost.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--rate", type=int, default=1000, help="records per second")
    options = parser.parse_args(arguments)
    result = measure(options.seconds, options.readers, options.rate)
    wrong = [text for one in result.answers for text in one.wrong]
    errors = [text for one in result.answers for text in one.errors]
    times = sorted(seconds for one in result.answers for seconds in one.times_s)
    lags = [seconds for one in result.answers for seconds in one.lag_s]
    rate = result.recorded * RECORDS_PER_RUN / options.seconds
    rows = [
        _row("recorded", f"{rate:,.0f} records/s, {result.recorded:,} runs"),
        _row("in the log at the end", f"{result.in_log:,} runs"),
        _row("questions answered", f"{len(times):,} by {options.readers} readers"),
        _row("wrong answers", str(len(wrong))),
        _row("errors shown", str(len(errors))),
        _row(
            "time of a question",
            f"median {statistics.median(times) * 1e3:,.0f} ms, "
            f"95 % {times[int(len(times) * 0.95)] * 1e3:,.0f} ms, max {times[-1] * 1e3:,.0f} ms",
        ),
        _row(
            "answers that said how old they are",
            f"{sum(one.behind for one in result.answers)}, oldest {max(lags, default=0):.1f} s",
        ),
        _row(
            "ingests of the writer",
            f"{len(result.ingests_s)}, median {statistics.median(result.ingests_s) * 1e3:,.0f} ms, "
            f"max {max(result.ingests_s) * 1e3:,.0f} ms",
        ),
    ]
    show("Readers while the log is written", rows)
    keep_rows("concurrency", rows)
    if wrong or errors or result.in_log != result.recorded:
        raise RuntimeError("\n".join([*wrong[:10], *errors[:10]]))
    return rows


def _row(what: str, figure: str) -> dict[str, Any]:
    return {"what": what, "figure": figure}


if __name__ == "__main__":
    main(sys.argv[1:])
