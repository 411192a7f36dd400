"""How do ml-metadata, SQLite and networkx hold and answer the same history?

`python -m benchmarks.log.bench_peers --accesses 100000 1000000 --mlmd PYTHON`, where PYTHON is an
interpreter that has ml-metadata (`python3.11 -m venv V && V/bin/pip install ml-metadata==1.17.1`).
Every answer is compared with that of provfs as a set. In the first history runs read before they
write, so that all must be equal; in the second they do both by turns, and what a system without a
rule about time answers too much is counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.log import history, systems
from benchmarks.log.systems import QUESTIONS, Outcome
from benchmarks.pairs import keep, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.log.history import History

_MLMD = Path(__file__).with_name("mlmd.py")


def main(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Measure, compare, print and keep.

    Raises:
        RuntimeError: Two systems that must agree do not.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accesses", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--mlmd", metavar="PYTHON", help="an interpreter that has ml-metadata")
    parser.add_argument("--without", nargs="*", default=[], help="sqlite, networkx")
    parser.add_argument("--only-ordered", action="store_true", help="without the second history")
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for accesses in options.accesses:
        for interleaved in (False,) if options.only_ordered else (False, True):
            made = history.make(accesses, interleaved=interleaved)
            rows += _compare(made, options, interleaved=interleaved)
            keep("peers", rows)
    show("The same history elsewhere", rows)
    return rows


def _compare(
    made: History, options: argparse.Namespace, *, interleaved: bool
) -> list[dict[str, Any]]:
    ours = systems.provfs(made)
    outcomes = [ours]
    if "sqlite" not in options.without:
        outcomes.append(systems.sqlite(made))
    if options.mlmd:
        outcomes.append(_mlmd(made, options.mlmd))
    if "networkx" not in options.without:
        outcomes.append(systems.in_memory(made))
    return [_row(made, one, ours, interleaved=interleaved) for one in outcomes]


def _row(made: History, one: Outcome, ours: Outcome, *, interleaved: bool) -> dict[str, Any]:
    missing = sum(len(ours.answers[name] - one.answers[name]) for name in QUESTIONS)
    extra = sum(len(one.answers[name] - ours.answers[name]) for name in QUESTIONS)
    if missing or (extra and not interleaved):
        msg = f"{one.system}: {missing} answers are missing and {extra} are too many"
        raise RuntimeError(msg)
    times = {
        name: f"{one.times_s[name] * 1e3:,.0f} ms ({len(one.answers[name]):,})"
        for name in QUESTIONS
    }
    return {
        "accesses": f"{made.accesses:,}",
        "history": "by turns" if interleaved else "read, then write",
        "system": one.system,
        "load": f"{one.load_s:,.1f} s ({made.accesses / one.load_s:,.0f}/s)",
        "size": f"{one.size_bytes / 1e6:,.0f} MB",
        **times,
        "false answers": f"{extra:,}",
    }


def _mlmd(made: History, python: str) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as directory:
        plain, answers = (Path(directory) / name for name in ("history.json", "answers.json"))
        made.write_plain(plain)
        subprocess.run([python, _MLMD, plain, answers], check=True)
        found = json.loads(answers.read_text(encoding="utf-8"))
    found["answers"] = {name: set(rows) for name, rows in found["answers"].items()}
    return Outcome(**found)


if __name__ == "__main__":
    main(sys.argv[1:])
