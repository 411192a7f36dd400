"""Notebooks in real kernels: cells are borders, with `provfs run` and with `%load_ext provfs`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from provfs.config import Settings
from provfs.ingest import ingest

pytest.importorskip("ipykernel")
pytest.importorskip("nbclient")

EXECUTE = "from nbclient.cli import main; main()"  # what the command `jupyter execute` runs

Edges = dict[tuple[str, str], tuple[str, float]]

JOB = (
    "text = open('in{0}.csv').read()\n"
    "with open('out{0}.csv', 'w') as out:\n"
    "    out.write('job {0} of ' + text)"
)
CHILD = (
    "import subprocess, sys\n"
    'code = \'open("sub.csv", "w").write(open("in1.csv").read() + "!")\'\n'
    "subprocess.run([sys.executable, '-c', code], check=True)"
)
THREADS = (
    "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(2) as pool:\n"
    "    parts = list(pool.map(lambda n: open(f'in{n}.csv').read(), (0, 1)))\n"
    "open('joined.csv', 'w').write('+'.join(parts))"
)
OLD_THREADS = "pool = ThreadPoolExecutor(1)\npool.submit(int).result()"
WORKERS = (
    "import multiprocessing\n"
    "def length(name):\n"
    "    return len(open(name).read())\n"
    "pool = multiprocessing.get_context('fork').Pool(2)\n"
    "total{0} = sum(pool.map(length, ['in{0}.csv']))\n"
    "open('out{0}.csv', 'w').write(str(total{0}))\n"
    "pool.terminate()\n"
    "del pool, length"
)
KEPT_WORKERS = (
    "import concurrent.futures as futures, multiprocessing\n"
    "futures.kept = futures.ProcessPoolExecutor(1, multiprocessing.get_context('fork'))\n"
    "futures.kept.submit(int).result()"
)
FROM_KEPT = (
    "import concurrent.futures as futures, pathlib\n"
    "text = futures.kept.submit(pathlib.Path.read_text, pathlib.Path('in2.csv')).result()\n"
    "open('late.csv', 'w').write('of ' + text)"
)
LATER = "text = pool.submit(lambda: open('in2.csv').read()).result()"


@pytest.fixture
def notebook(home, work) -> Callable[..., Edges]:
    """Return a function that executes cells in a kernel and returns all edges."""

    def execute(*cells: str, under_run: bool = True) -> Edges:
        for number in range(3):
            (work / f"in{number}.csv").write_text(f"{number}\n")
        content = {
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"cell{number}",
                    "metadata": {},
                    "outputs": [],
                    "source": cell,
                }
                for number, cell in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (work / "n.ipynb").write_text(json.dumps(content))
        command = [sys.executable, "-c", EXECUTE, "--kernel_name=python3", "n.ipynb"]
        if under_run:
            command = [sys.executable, "-m", "provfs", "run", "--", *command]
        environment = {**os.environ, "IPYTHONDIR": str(home / "ipython"), "HOME": str(home)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return _edges(home, work)

    return execute


def _edges(home: Path, work: Path) -> Edges:
    settings = Settings(home=home)
    ingest(settings)
    prefix = f"file://{work}/"
    with duckdb.connect(str(settings.log_path), read_only=True) as connection:
        rows = connection.execute(
            "SELECT input_uri, output_uri, rule, confidence::DOUBLE FROM all_edges"
        ).fetchall()
    return {
        (source.removeprefix(prefix), target.removeprefix(prefix)): (rule, round(sure, 3))
        for source, target, rule, sure in rows
        if source.startswith(prefix) and source != f"{prefix}n.ipynb"
    }


@pytest.mark.parametrize("under_run", [True, False], ids=["run", "load_ext"])
def test_independent_cells_have_no_shown_edge(notebook, under_run):
    """Three jobs in three cells of one kernel: the true edges are certain, the others hidden."""
    first = () if under_run else ("%load_ext provfs",)

    edges = notebook(*first, *(JOB.format(number) for number in range(3)), under_run=under_run)

    assert {pair: edges[pair] for pair in edges if pair[1].startswith("out")} == {
        **{(f"in{n}.csv", f"out{n}.csv"): ("same-process", 1.0) for n in range(3)},
        **{
            (f"in{i}.csv", f"out{o}.csv"): ("same-process", 0.3)
            for i in range(3)
            for o in range(i + 1, 3)
        },
    }


def test_cells_that_share_variables_depend_on_each_other(notebook):
    """What one cell reads and hands on by name reaches what a later one writes."""
    edges = notebook(
        "rows = [open('in0.csv').read()]",
        "other = open('in1.csv').read()",
        "rows.append('x')",
        "open('model.bin', 'w').write(''.join(rows))",
        "open('last.csv', 'w').write('z')",
    )

    assert edges["in0.csv", "model.bin"] == ("same-process", 0.9)
    assert edges["in1.csv", "model.bin"] == ("same-process", 0.3)
    assert edges["in0.csv", "last.csv"] == ("same-process", 0.3)


def test_programs_that_a_cell_starts_belong_to_it(notebook):
    """A Python child and a shell command have the inputs of their own cell only."""
    edges = notebook(
        "text = open('in0.csv').read()",
        CHILD,
        "!cp in2.csv copy.csv",
        "open('r.csv', 'w').write('r')",
    )

    assert edges["in1.csv", "sub.csv"] == ("same-process", 1.0)
    assert edges["in0.csv", "sub.csv"] == ("parent", 0.3)
    assert edges["in1.csv", "r.csv"] == ("child", 0.3)
    if ("in2.csv", "copy.csv") in edges:  # the preload library is here
        assert edges["in2.csv", "copy.csv"] == ("copy", 1.0)
        assert edges["in0.csv", "copy.csv"] == ("parent", 0.3)
        assert edges["in2.csv", "r.csv"] == ("child", 0.3)


def test_threads_belong_to_the_cell_that_they_were_born_in(notebook):
    """A pool within one cell is that cell; what an older thread reads may go anywhere."""
    edges = notebook(THREADS, OLD_THREADS, LATER, "open('last.csv', 'w').write('z')")

    assert edges["in0.csv", "joined.csv"][1] >= 0.9
    assert edges["in0.csv", "last.csv"] == ("same-process", 0.3)
    assert edges["in2.csv", "last.csv"][1] >= 0.9


def test_workers_that_a_cell_forks_read_for_it_while_it_runs(notebook):
    """Independent cells with a pool each have no shown edges between them.

    What a worker of an earlier cell reads later counts, also where no name tells of it.
    """
    edges = notebook(WORKERS.format(0), WORKERS.format(1), KEPT_WORKERS, FROM_KEPT)

    assert {pair: edges[pair] for pair in edges if pair[1].startswith("out")} == {
        ("in0.csv", "out0.csv"): ("worker", 0.9),
        ("in1.csv", "out1.csv"): ("worker", 0.9),
        ("in0.csv", "out1.csv"): ("worker", 0.3),
    }
    assert edges["in2.csv", "late.csv"] == ("worker", 0.9)
