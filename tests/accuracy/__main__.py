"""Print what every case found, then precision and recall per rule and in total.

Usage: `python -m tests.accuracy [--user NAME] [PART-OF-A-NAME ...]`. With `--user`, root runs the
cases as that user and without any capability, see `tests.accuracy.users`. Exit status 1 when a case
that is not pending is off, or when a pending one is exact and its label should go. A found edge is
right when its pair is labelled and its rule is among the allowed ones. Per rule: a wrong rule
counts against the precision of the rule that was given and the recall of the rule that was due.
Optional edges count neither way.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.accuracy.harness import Comparison, Observed, RunError, missing_package, run
from tests.accuracy.table import CASES
from tests.accuracy.users import become, rights


class Score:
    """Edges found, due and right, per rule."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.due: Counter[str] = Counter()
        self.right: Counter[str] = Counter()

    def add(self, comparison: Comparison) -> None:
        """Count the edges of one case."""
        labels = {edge.pair: edge for edge in comparison.case.expected}
        edges = comparison.observed.edges
        for pair, (rule, _) in edges.items():
            label = labels.get(pair)
            if label and label.optional:
                continue
            self.found[rule] += 1
            if label and rule in label.rules:
                self.right[rule] += 1
        for pair, label in labels.items():
            if not label.optional:
                got = edges.get(pair, ("", 0.0))[0]
                self.due[got if got in label.rules else label.rules[0]] += 1

    def lines(self) -> list[str]:
        """Return the table, one line per rule and one in total."""
        rules = sorted(self.found.keys() | self.due.keys())
        rows = [(rule, self.found[rule], self.due[rule], self.right[rule]) for rule in rules]
        rows.append(("total", self.found.total(), self.due.total(), self.right.total()))
        head = f"{'rule':<14}{'found':>7}{'due':>7}{'right':>7}{'precision':>11}{'recall':>9}"
        lines = [head]
        for rule, found, due, right in rows:
            precision, recall = _ratio(right, found), _ratio(right, due)
            lines.append(f"{rule:<14}{found:>7}{due:>7}{right:>7}{precision:>11}{recall:>9}")
        return lines


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.4f}" if whole else "-"


def main(words: list[str]) -> int:
    """Run the cases whose names contain one of the words, or all; return the exit status."""
    now, later = Score(), Score()
    wrong = 0
    for case in CASES:
        if words and not any(word in case.name for word in words):
            continue
        if package := missing_package(case):
            print(f"{case.name:<28} skipped: needs {package}")
            continue
        with tempfile.TemporaryDirectory(prefix="accuracy-") as directory:
            try:
                comparison = run(case, Path(directory))
            except RunError as error:
                wrong += not case.pending
                (later if case.pending else now).add(Comparison(case, Observed()))
                print(f"{case.name:<28} {'pending' if case.pending else 'FAILED'}: {error}")
                continue
        (later if case.pending else now).add(comparison)
        if comparison.exact == bool(case.pending):
            wrong += 1
        state = "exact" if comparison.exact else "pending" if case.pending else "OFF"
        if comparison.exact and case.pending:
            state = "exact, but labelled pending"
        print(f"{case.name:<28} {state:<8} {len(comparison.observed.edges):>5} edges", flush=True)
        if not comparison.exact and not case.pending:
            print(comparison)
    print(f"\nRun by {rights()}.")
    print("\nCases that must be exact now:", *now.lines(), sep="\n")
    if later.due:
        print("\nPending cases:", *later.lines(), sep="\n")
    return 1 if wrong else 0


def _command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy")
    parser.add_argument("--user", help="run as this user; takes root")
    parser.add_argument("words", nargs="*", metavar="PART-OF-A-NAME")
    chosen = parser.parse_args(arguments)
    place = become(chosen.user) if chosen.user else None
    try:
        return main(chosen.words)
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(_command(sys.argv[1:]))
