"""What the pages show is what comes, when everything on them is typed again."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "docs" / "examples.py"


@pytest.fixture(scope="module")
def examples():
    """Return the module that runs the pages."""
    spec = importlib.util.spec_from_file_location("examples", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_output_on_the_pages_is_what_comes(examples, tmp_path, monkeypatch):
    """Tutorial and how-to pages, as one story, but for times, sizes, contents and the user."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it
    outcomes = list(examples.run(tmp_path.resolve()))

    assert {one.page for one in outcomes} == set(examples.PAGES)
    assert len(outcomes) > 40
    wrong = [f"$ {one.example.command}\n{one.difference}" for one in outcomes if one.difference]
    assert not wrong, "\n\n".join([*wrong, "renew with: python docs/examples.py --write"])


def test_other_output_is_noticed(examples):
    """One row less, or another word, is a difference; another time or digest is none."""
    shown = "file  at\na.csv  2026-01-01 00:00:00+00:00\nb.csv  xxh3-128:0123456789ab\n"
    example = examples.Example("provfs x", shown, (0, 0))

    same = shown.replace("2026", "2027").replace("0123", "4567")
    assert examples.Outcome("p", example, same).difference == ""
    for other in (shown.replace("b.csv", "c.csv"), shown.partition("b.csv")[0]):
        assert "-b.csv" in examples.Outcome("p", example, other).difference
