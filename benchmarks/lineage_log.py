"""Histories for the benchmarks of the log, as the journals that capture would have written.

Contract: the same arguments give the same bytes; every file has its own content, so that nothing is
a copy unless a history says so. Not here: what is asked of the log, see
`benchmarks.bench_lineage`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from provfs.journal.record import (
    FORMAT,
    Access,
    Execution,
    Exit,
    Journal,
    Opening,
    Record,
    Wait,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOOT = "0123456789ab"
OFFSET_NS = 10**18
ACCESSES_PER_PROJECT = 100_000
LAYERS = 20
RUNS_PER_LAYER = 40
READS = 100
WRITES = 25
CHILDREN = 4
HUBS = 20
_STEP_NS = 1000
_LAYER_NS = RUNS_PER_LAYER * (READS + WRITES) * _STEP_NS


class Process:
    """One execution of a history, and the lines of its journal."""

    def __init__(self, pid: int, started_ns: int, parent: Process | None = None) -> None:
        self.pid, self.started_ns = pid, started_ns
        self.name = f"{BOOT}-{pid}-{started_ns}"
        self.lines: list[bytes] = []
        self._ids = 0
        self.add(
            Journal(
                execution=self.name, format=FORMAT, provfs="0", host="h", boot=BOOT,
                clock="boottime", at_ns=started_ns, offset_ns=OFFSET_NS,
            ),
            Execution(
                execution=self.name, program=self.name, parent=parent.name if parent else None,
                host="h", pid=pid, started_ns=started_ns, user_name="ada",
                command=("python", "step.py", str(pid)),
            ),
        )  # fmt: skip

    def add(self, *records: Record) -> None:
        """Append records as they are."""
        self.lines += map(encode, records)

    def read(self, uri: str, content: int, at_ns: int) -> None:
        """Read a whole file."""
        self._access(uri, "read", content, at_ns, at_ns)

    def write(self, uri: str, content: int, at_ns: int) -> None:
        """Open a file for writing, fill and close it."""
        self._ids += 1
        self.add(
            Opening(
                execution=self.name, id=self._ids, uri=uri, opened_ns=at_ns, thread=1,
                channel="open",
            )
        )  # fmt: skip
        self._ids -= 1
        self._access(uri, "write", content, at_ns, at_ns + 5)

    def wait(self, child: Process, at_ns: int) -> None:
        """Let a child end and wait for it."""
        child.add(Exit(execution=child.name, at_ns=at_ns - 1, exit_code=0, cpu_s=1.0))
        self.add(
            Wait(
                execution=self.name, child_pid=child.pid, child=child.name, at_ns=at_ns,
                exit_code=0, cpu_s=1.0,
            )
        )  # fmt: skip

    def _access(self, uri: str, mode: str, content: int, opened_ns: int, closed_ns: int) -> None:
        self._ids += 1
        self.add(
            Access(
                execution=self.name, id=self._ids, uri=uri, mode=mode, opened_ns=opened_ns,
                closed_ns=closed_ns, bytes=4096, size_bytes=4096,
                fingerprint=f"stat:1:{content}:4096:1:1", digest=f"xxh3-128:{content:032x}",
                thread=1, channel="open",
            )
        )  # fmt: skip


def keep(processes: list[Process], directory: Path) -> int:
    """Write a journal for each process; return how many records they have."""
    for process in processes:
        path = directory / f"{BOOT}.{process.pid}.{process.started_ns}.0.jsonl"
        path.write_bytes(b"".join(process.lines))
    return sum(len(process.lines) for process in processes)


class Graph(NamedTuple):
    """What was made: the names to ask for, and how many records of which kind there are.

    `hub` is a file that a quarter of all runs read, so that most of the history descends from it.
    """

    model: str
    dataset: str
    records: int
    accesses: int
    hub: str = ""


class File(NamedTuple):
    """A file of a history: its uri and a number that stands for its content."""

    uri: str
    content: int


def projects(directory: Path, accesses: int, seed: int = 7) -> Graph:
    """Write a team's history: projects of 20 layers of runs, each with a tree of processes.

    A run is a driver that reads five of the hub files that everybody reads, starts four children
    which share its other inputs (log-normal, 95 in the mean, from the layer before) and its outputs
    (25 in the mean), waits for them and writes a report.
    """
    made = Numbers(seed)
    records = total = 0
    last: File | None = None
    raw: list[File] = []
    for project in range(max(1, round(accesses / ACCESSES_PER_PROJECT))):
        begin_ns = project * _STEP_NS  # projects run beside each other
        raw = previous = [made.file(f"p{project}/raw") for _ in range(RUNS_PER_LAYER * WRITES)]
        for layer in range(LAYERS):
            kind = "model" if layer == LAYERS - 1 else f"l{layer}"
            outputs: list[File] = []
            for run in range(RUNS_PER_LAYER):
                at_ns = begin_ns + layer * 2 * _LAYER_NS + run * _STEP_NS * 50
                processes, files, count = _run(made, f"p{project}/{kind}", previous, at_ns)
                records += keep(processes, directory)
                outputs += files
                total += count
            previous = outputs
        last = previous[-1]
    assert last is not None
    return Graph(last.uri, raw[0].uri, records, total, _hub(1).uri)


class Numbers:
    """Where a history takes its chances, process ids and contents from."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._pid = 0
        self._content = HUBS

    def pid(self) -> int:
        """Return a process id that nobody has."""
        self._pid += 1
        return self._pid

    def file(self, folder: str) -> File:
        """Return a file that there is not yet."""
        self._content += 1
        suffix = "pt" if folder.endswith("model") else "parquet"
        return File(f"file:///data/{folder}/{self._content}.{suffix}", self._content)


def _hub(number: int) -> File:
    return File(f"file:///data/hub/{number}.parquet", number)


def _run(
    made: Numbers, folder: str, previous: list[File], at_ns: int
) -> tuple[list[Process], list[File], int]:
    """Return the processes of one run, the files it made, and how many accesses that took."""
    chance = made.random
    fan_in = min(len(previous), max(1, round(chance.lognormvariate(4.05, 1.0))))
    inputs = chance.sample(previous, fan_in)
    outputs = [made.file(folder) for _ in range(max(1, round(chance.expovariate(1 / WRITES))))]
    driver = Process(made.pid(), at_ns)
    now = at_ns
    for hub in chance.sample(range(HUBS), 5):
        now += _STEP_NS
        driver.read(*_hub(hub), now)
    children = [Process(made.pid(), now + _STEP_NS, driver) for _ in range(CHILDREN)]
    now += 2 * _STEP_NS
    for place, file in enumerate(inputs):
        now += _STEP_NS
        children[place % CHILDREN].read(*file, now)
    for place, file in enumerate(outputs):
        now += _STEP_NS
        children[place % CHILDREN].write(*file, now)
    for child in children:
        now += _STEP_NS
        driver.wait(child, now)
    report = made.file(folder)
    driver.write(*report, now + _STEP_NS)
    return [driver, *children], [*outputs, report], 5 + len(inputs) + len(outputs) + 1


def loaders(directory: Path, accesses: int, seed: int = 3) -> Graph:
    """Write few processes that each read 1,000 to 25,000 shards and leave checkpoints."""
    chance = random.Random(seed)
    records = total = checkpoints = number = 0
    while total < accesses:
        number += 1
        now = number * 10**9
        process = Process(number, now)
        dataset = chance.randrange(20)
        shards = chance.choice((1_000, 2_000, 5_000, 10_000, 25_000))
        for shard in range(shards):
            now += _STEP_NS
            content = 1 + dataset * 30_000 + shard
            process.read(f"file:///data/{dataset}/{shard:05d}.parquet", content, now)
            if shard % 500 == 499:
                now += _STEP_NS
                checkpoints += 1
                process.write(f"file:///runs/{number}/{shard}.pt", 10**9 + checkpoints, now)
        process.add(Exit(execution=process.name, at_ns=now + 10, exit_code=0, cpu_s=1.0))
        total += shards + shards // 500
        records += keep([process], directory)
    return Graph(f"file:///runs/{number}/499.pt", "file:///data/0/00000.parquet", records, total)


def chain(directory: Path, steps: int) -> Graph:
    """Write a chain in which every step reads what the one before wrote."""
    records = 0
    for step in range(1, steps + 1):
        process = Process(step, step * 10_000)
        process.read(f"file:///chain/{step - 1}", step - 1, step * 10_000 + 10)
        process.write(f"file:///chain/{step}", step, step * 10_000 + 20)
        records += keep([process], directory)
    return Graph(f"file:///chain/{steps}", "file:///chain/0", records, 2 * steps)


def exploding(directory: Path, runs: int, reads: int, checkpoints: int) -> Graph:
    """Write runs that each read many shards and leave many checkpoints: reads times checkpoints."""
    records = 0
    model = ""
    for run in range(runs):
        now = run * 10 * (reads + checkpoints) * _STEP_NS
        process = Process(run + 1, now)
        for place, uri, content in _interleaved(run, runs, reads, checkpoints):
            now += _STEP_NS
            if place == "write":
                model = uri
                process.write(uri, content, now)
            else:
                process.read(uri, content, now)
        records += keep([process], directory)
    return Graph(model, "file:///shards/0", records, runs * (reads + checkpoints))


def _interleaved(
    run: int, runs: int, reads: int, checkpoints: int
) -> Iterator[tuple[str, str, int]]:
    every = max(1, reads // checkpoints)
    for number in range(reads):
        yield "read", f"file:///shards/{number}", number
        if number % every == every - 1:
            done = number // every
            content = (run + 1) * 10_000_000 + done
            yield "write", f"file:///runs/{run}/checkpoint-{done}.pt", content
    del runs
