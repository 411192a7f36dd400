"""Tasks and requests that a program shows as contexts: independent ones share no shown edge."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import duckdb
import pytest

from provfs.config import Settings
from provfs.ingest import ingest

COMMON = """
    import asyncio, os, sys, threading
    import provfs

    def step(number, *more):
        with open(f"in{number}.csv") as source, open(f"out{number}.csv", "w") as target:
            target.write(f"job {number} of {source.read()}{more}")
"""
IN_TURN = """
    with open("common.csv") as file:
        common = file.read()
    with provfs.context("task", "first") as first:
        step(0, common)
        with provfs.context("task", "within it"):
            text = open("extra.csv").read()
    with provfs.context("task", "second?token=open-sesame"):
        step(1)
    with provfs.context("task", "third", uses=[first]):
        step(2, text)
    with provfs.context("task", "idle"):
        pass
    with open("last.csv", "w") as file:
        file.write("after all")
"""
AT_ONCE = """
    async def request(number):
        with provfs.context("request"):
            with open(f"in{number}.csv") as source:
                await asyncio.sleep(0)
                text = source.read()
            await asyncio.sleep(0)
            with open(f"out{number}.csv", "w") as target:
                target.write(f"answer {number} to {text}")

    async def serve():
        await asyncio.gather(*(request(number) for number in range(3)))

    asyncio.run(serve())
"""
IN_THREADS = """
    barrier = threading.Barrier(3)

    def work(number):
        with provfs.context():
            barrier.wait()
            step(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.fixture
def edges_of(home, work):
    """Return a function that runs a program and returns its shown edges and its contexts."""
    for name in ("in0", "in1", "in2", "extra", "common"):
        (work / f"{name}.csv").write_text(f"{name}\n")

    def run(program, capture=True):
        (work / "job.py").write_text(textwrap.dedent(COMMON) + textwrap.dedent(program))
        start = [sys.executable, "-m", "provfs", "run", "--"] if capture else []
        subprocess.run([*start, sys.executable, "job.py"], check=True, timeout=60)
        settings = Settings(home=home)
        ingest(settings)
        with duckdb.connect(str(settings.log_path), read_only=True) as connection:
            rows = connection.execute(
                "SELECT parse_filename(input_uri, true), parse_filename(output_uri, true)"
                " FROM edges"
            ).fetchall()
            contexts = connection.execute("SELECT kind, label FROM contexts ORDER BY 2").fetchall()
        return set(rows), contexts

    return run


def test_tasks_in_turn_are_independent_unless_they_say_otherwise(edges_of):
    """A task has its own inputs, those of no task, and those of the tasks that it names."""
    edges, contexts = edges_of(IN_TURN)

    assert edges == {
        ("in0", "out0"),
        ("in1", "out1"),
        ("in2", "out2"),
        ("in0", "out2"),
        ("extra", "out2"),
        *(("common", f"out{number}") for number in range(3)),
        *((name, "last") for name in ("in0", "in1", "in2", "extra", "common")),
    }
    assert contexts == [("task", "first"), ("task", "second?token=***"), ("task", "third")]


@pytest.mark.parametrize("program", [AT_ONCE, IN_THREADS], ids=["asyncio", "threads"])
def test_tasks_at_once_are_independent(edges_of, program):
    """Requests that overlap in one event loop, or in threads, have their own inputs only."""
    edges, contexts = edges_of(program)

    assert edges == {(f"in{number}", f"out{number}") for number in range(3)}
    assert len(contexts) == 3


def test_contexts_without_capture_do_nothing(work):
    """A program that shows its tasks runs the same where nothing captures, and leaves no trace."""
    (work / "job.py").write_text("import provfs\nwith provfs.context('task'):\n    print('done')\n")
    data = work / "data"

    done = subprocess.run(
        [sys.executable, "job.py"],
        env={**os.environ, "XDG_DATA_HOME": str(data), "PROVFS_HOME": str(data)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "done\n"
    assert not data.exists()
