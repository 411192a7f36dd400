"""Every labelled case of the design's table, compared exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accuracy.cases import Case, edges
from tests.accuracy.harness import Observed, compare, missing_package, run
from tests.accuracy.table import CASES


def _parameter(case: Case) -> object:
    marks = []
    if case.pending:
        marks.append(pytest.mark.xfail(strict=True, reason=case.pending))
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
def test_case_has_exactly_the_labelled_edges(case: Case, tmp_path: Path) -> None:
    """A program run under `provfs run` gets exactly the edges, artifacts and versions of its
    label.
    """
    if package := missing_package(case):
        pytest.skip(f"needs {package}")

    comparison = run(case, tmp_path)

    assert comparison.exact, str(comparison)


def test_case_names_are_unique_and_cover_the_table() -> None:
    """Each of the 20 lines of the table has at least one case, and no two share a name."""
    names = [case.name for case in CASES]

    assert len(set(names)) == len(names)
    assert {case.number for case in CASES} == set(range(1, 21))


def test_comparison_reports_missing_extra_and_wrong_edges() -> None:
    """An answer that lacks, adds or misnames an edge is never taken for exact."""
    case = Case(1, "self", "", steps=(), expected=edges("a -> x, b -> x, c -> x"))
    observed = Observed(
        edges={
            ("a#1", "x#1"): ("same-process", 1.0),
            ("b#1", "x#1"): ("worker", 0.9),
            ("d#1", "x#1"): ("parent", 0.6),
        },
        artifacts={"a", "b", "c", "x", "d"},
    )

    comparison = compare(case, observed)

    assert comparison.missing == ["c#1 -> x#1 (same-process)"]
    assert comparison.extra == ["d#1 -> x#1 (parent 0.6)"]
    assert comparison.other == [
        "b#1 -> x#1: rule worker, expected same-process",
        "unexpected artifact d",
    ]
