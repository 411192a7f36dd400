"""A history of runs that every system can hold: which run read and wrote which file, and when.

Contract: every file is written at most once and every run is one process, so that a system without
versions and without trees of processes can give equal answers. Where a run reads everything before
it writes, a system without a rule about time can, too; `interleaved` runs do not. The same
arguments give the same history. Not here: histories with trees of processes, see
`benchmarks.lineage_log`.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.lineage_log import Process, keep

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = 20
RUNS_PER_LAYER = 40
WRITES = 25
HUBS = 20
_STEP_NS = 1000
_RUN_NS = 1_000_000
_RUNS_PER_JOURNAL = 10


class Run(NamedTuple):
    """One process: its number, and (file, moment) of what it read and wrote."""

    number: int
    started_ns: int
    reads: list[tuple[int, int]]
    writes: list[tuple[int, int]]


class History(NamedTuple):
    """Runs in the order of time, and the names of the files by their numbers."""

    runs: list[Run]
    uris: list[str]
    model: str
    dataset: str

    @property
    def accesses(self) -> int:
        """Number of files read and written, once each for every run."""
        return sum(len(run.reads) + len(run.writes) for run in self.runs)

    def write_journals(self, directory: Path) -> int:
        """Write what capture would have written; return the number of records."""
        records = 0
        for first in range(0, len(self.runs), _RUNS_PER_JOURNAL):
            processes = []
            for run in self.runs[first : first + _RUNS_PER_JOURNAL]:
                process = Process(run.number, run.started_ns)
                for file, at_ns in run.reads:
                    process.read(self.uris[file], file, at_ns)
                for file, at_ns in run.writes:
                    process.write(self.uris[file], file, at_ns)
                processes.append(process)
            records += keep(processes, directory)
        return records

    def write_plain(self, path: Path) -> None:
        """Write the same as JSON for systems that run in another interpreter."""
        path.write_text(json.dumps(self._asdict()), encoding="utf-8")


def make(accesses: int, *, interleaved: bool, seed: int = 7) -> History:
    """Return projects of 20 layers of 40 runs; each reads 95 files in the mean and writes 25.

    Five of what a run reads are among 20 files that everybody reads.
    """
    chance = random.Random(seed)
    uris = [f"file:///data/hub/{number}.parquet" for number in range(HUBS)]
    runs: list[Run] = []
    for project in range(max(1, round(accesses / 100_000))):
        previous = _files(uris, RUNS_PER_LAYER * WRITES, f"p{project}/raw", "parquet")
        for layer in range(LAYERS):
            suffix = "pt" if layer == LAYERS - 1 else "parquet"
            outputs: list[int] = []
            for _ in range(RUNS_PER_LAYER):
                fan_in = min(len(previous), max(1, round(chance.lognormvariate(4.05, 1.0))))
                reads = [*chance.sample(range(HUBS), 5), *chance.sample(previous, fan_in)]
                number = max(1, round(chance.expovariate(1 / WRITES)))
                writes = _files(uris, number, f"p{project}/l{layer}", suffix)
                runs.append(_run(len(runs) + 1, reads, writes, interleaved=interleaved))
                outputs += writes
            previous = outputs
    return History(runs, uris, uris[runs[-1].writes[-1][0]], uris[1])


def _files(uris: list[str], number: int, folder: str, suffix: str) -> list[int]:
    begin = len(uris)
    uris += [f"file:///data/{folder}/{begin + n}.{suffix}" for n in range(number)]
    return list(range(begin, begin + number))


def _run(number: int, reads: list[int], writes: list[int], *, interleaved: bool) -> Run:
    started_ns = number * _RUN_NS
    moments = [started_ns + (place + 1) * _STEP_NS for place in range(len(reads) + len(writes))]
    if interleaved:
        step = len(moments) / len(writes)
        written = {int((place + 0.5) * step) for place in range(len(writes))}
        times = [at for place, at in enumerate(moments) if place in written]
        others = [at for place, at in enumerate(moments) if place not in written]
        return Run(
            number,
            started_ns,
            list(zip(reads, others, strict=True)),
            list(zip(writes, times, strict=True)),
        )
    return Run(
        number,
        started_ns,
        list(zip(reads, moments[: len(reads)], strict=True)),
        list(zip(writes, moments[len(reads) :], strict=True)),
    )
