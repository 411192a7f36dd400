"""How fast are ingest and the walks, in a log of a given number of accesses?

A graph of layered programs with shared hub files: each program reads about a hundred files, most of
them outputs of the layer before, and writes some. Journals are made first and not timed.
`--accesses N`.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pairs import keep, show
from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.journal.record import FORMAT, Access, Execution, Journal, encode
from provfs.log import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOOT = "0123456789ab"
READS = 100
WRITES = 25
LAYERS = 20


def make_journals(settings: Settings, accesses: int, seed: int = 7) -> tuple[str, str, int]:
    """Write the journals of a synthetic history; return (a model, a dataset, number of records)."""
    rng = random.Random(seed)
    width = max(1, accesses // (READS + WRITES) // LAYERS)
    hubs = [("hub", number) for number in range(20)]
    previous: list[tuple[str, int]] = [("raw", number) for number in range(width * WRITES)]
    number = now = records = 0
    for layer in range(LAYERS):
        made: list[tuple[str, int]] = []
        for _ in range(width):
            number += 1
            begun = now
            inputs = [*rng.sample(previous, min(READS - 5, len(previous))), *rng.sample(hubs, 5)]
            outputs = [(f"l{layer}", number * 1000 + index) for index in range(WRITES)]
            lines = []
            for index, (kind, item) in enumerate([*inputs, *outputs]):
                now += 1000
                mode = "write" if index >= len(inputs) else "read"
                name = uri_of(kind, item, last=mode == "write" and layer == LAYERS - 1)
                lines.append(_access(number, index, name, mode, now, hash_of(kind, item)))
            records += _write(settings, number, begun, lines)
            made.extend(outputs)
        previous = made
    kind, item = previous[-1]
    return uri_of(kind, item, last=True), uri_of("hub", 1), records


def chain(settings: Settings, steps: int) -> str:
    """Write one journal per step of a chain in which each reads what the one before wrote."""
    for step in range(1, steps + 1):
        now = step * 10_000
        lines = [
            _access(step, 1, f"file:///chain/{step - 1}", "read", now + 10, step - 1),
            _access(step, 2, f"file:///chain/{step}", "write", now + 20, step),
        ]
        _write(settings, step, now, lines)
    return f"file:///chain/{steps}"


def uri_of(kind: str, item: int, *, last: bool = False) -> str:
    """Return the uri of an artifact of the synthetic history."""
    return f"file:///data/{kind}/{item // 1000}/part-{item}.{'pt' if last else 'parquet'}"


def hash_of(kind: str, item: int) -> int:
    """Return a number that is its own for every artifact of the synthetic history."""
    return (int.from_bytes(kind.encode(), "big") << 40) + item


def _access(number: int, index: int, uri: str, mode: str, now: int, content: int) -> bytes:
    return encode(
        Access(
            execution=f"{BOOT}-{number}-{number}",
            id=index,
            uri=uri,
            mode=mode,
            opened_ns=now,
            closed_ns=now + 5,
            bytes=4096,
            size_bytes=4096,
            fingerprint=f"stat:1:{content}:4096:1:1",
            digest=f"xxh3-128:{content:032x}",
            thread=1,
            channel="open",
        )
    )


def _write(settings: Settings, number: int, now: int, lines: list[bytes]) -> int:
    """Write the journal of one program and return how many records it holds."""
    name = f"{BOOT}-{number}-{number}"
    header = Journal(
        execution=name,
        format=FORMAT,
        provfs="0",
        host="h",
        boot=BOOT,
        clock="boottime",
        at_ns=now,
        offset_ns=10**18,
    )
    execution = Execution(
        execution=name,
        program=name,
        host="h",
        pid=number,
        started_ns=now,
        command=("python", "step.py"),
    )
    path = settings.journal_directory / f"{BOOT}.{number}.{number}.0.jsonl"
    path.write_bytes(b"".join([encode(header), encode(execution), *lines]))
    return len(lines) + 2


def timed(settings: Settings, statement: str, repeats: int = 5) -> tuple[float, int]:
    """Return (best seconds, rows) of a statement in an open log."""
    best, count = float("inf"), 0
    with store.reader(settings.log_path) as connection:
        for _ in range(repeats):
            began = time.perf_counter()
            count = len(store.fetch(connection, statement).rows)
            best = min(best, time.perf_counter() - began)
    return best, count


def main(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accesses", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=10_000)
    options = parser.parse_args(arguments)
    rows = [*_in_a_log(_graph, options.accesses), *_in_a_log(_deep, options.steps)]
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
    model, dataset, records = make_journals(settings, accesses)
    report = ingest(settings)
    size = settings.log_path.stat().st_size
    rate = records / report.elapsed_s
    rows = [
        _row(f"ingest of {records:,} records", f"{rate:,.0f} records/s", ">= 400,000 records/s"),
        _row("log size", f"{size / 1e6:,.1f} MB ({size / records:.0f} B/record)", "-"),
    ]
    questions = (
        ("upstream", model, "<= 100 ms at 10 million"),
        ("downstream", dataset, "<= 300 ms at 10 million"),
    )
    for name, x, budget in questions:
        seconds, count = timed(settings, f"FROM {name}('{x}')")
        rows.append(_row(f"{name} ({count:,} rows)", f"{seconds * 1e3:,.0f} ms", budget))
    direct = f"SELECT * FROM edges WHERE output_uri = '{model}'"  # noqa: S608 - of our own making
    seconds, count = timed(settings, direct)
    rows.append(_row(f"direct inputs in edges ({count:,} rows)", f"{seconds * 1e3:,.0f} ms", "-"))
    return rows


def _deep(settings: Settings, steps: int) -> list[dict[str, Any]]:
    last = chain(settings, steps)
    ingest(settings)
    seconds, count = timed(settings, f"FROM upstream('{last}')", 1)
    what = f"upstream of a {steps:,}-step chain ({count:,} rows)"
    return [_row(what, f"{seconds:,.2f} s", "all, < 5 s")]


def _row(what: str, figure: str, budget: str) -> dict[str, Any]:
    return {"what": what, "figure": figure, "budget": budget}


if __name__ == "__main__":
    main(sys.argv[1:])
