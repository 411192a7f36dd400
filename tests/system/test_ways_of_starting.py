"""However a Python begins and ends below `provfs run`, the files that it touches are seen.

Source: the matrix of ways to start code in every interpreter; each line here failed with one of the
ways that others use (only a variable, only a path, only a hook in the first process).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

from provfs.journal.record import Access, Execution, Exit, Opening

WORK = "text = open('in.csv').read(); f = open('out.csv', 'w'); f.write('of ' + text); f.close()"

INTERPRETERS = {
    "plain": ["-c", WORK],
    "isolated": ["-I", "-c", WORK],
    "without-environment": ["-E", "-c", WORK],
    "without-site": ["-S", "-c", WORK],
    "optimised": ["-OO", "-X", "utf8", "-c", WORK],
    "coverage": ["-m", "coverage", "run", "--data-file=.coverage-of-test", "job.py"],
    "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_job.py"],
    "ipython": ["-m", "IPython", "--no-banner", "-c", WORK],
    "runpy": ["-c", "import runpy; runpy.run_path('job.py')"],
    "subprocess": [
        "-c",
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK!r}])",
    ],
    "debugpy": ["-m", "debugpy", "--listen", "127.0.0.1:0", "job.py"],
    "shell": ["-c", "import os, sys; os.system(f'\"{sys.executable}\" job.py')"],
    "empty-environment": [
        "-c",
        "import subprocess, sys; subprocess.run([sys.executable, 'job.py'], env={})",
    ],
    "exec": ["-c", "import os, sys; os.execv(sys.executable, [sys.executable, 'job.py'])"],
    "spawn": ["-c", "import os, sys; os.waitpid(os.spawnv(1, sys.executable, ['p', 'job.py']), 0)"],
    "fork": ["-c", f"import os\nif os.fork() == 0:\n    {WORK}\n    os._exit(0)\nos.wait()"],
    "thread": [
        "-c",
        "import threading, worker; threading.Thread(target=worker.go, args=[1]).start()",
    ],
    "leaves-at-once": ["-c", f"import os; {WORK}; os._exit(0)"],
}
POOLS = {
    **{
        f"futures-{method}": f"""
            import multiprocessing, worker
            from concurrent.futures import ProcessPoolExecutor
            if __name__ == "__main__":
                context = multiprocessing.get_context({method!r})
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    pool.submit(worker.go, 1).result()
            """
        for method in ("fork", "forkserver", "spawn")
    },
    "process-spawn": """
        import multiprocessing, worker
        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=worker.go, args=(1,))
            process.start()
            process.join()
        """,
    "joblib": """
        import joblib, worker
        if __name__ == "__main__":
            joblib.Parallel(2)(joblib.delayed(worker.go)(number) for number in [1])
        """,
}


@pytest.fixture
def job(work) -> Path:
    """Make the input and the program, also in the form of a test."""
    (work / "in.csv").write_text("1")
    (work / "job.py").write_text(WORK.replace("; ", "\n"))
    indented = textwrap.indent(WORK.replace("; ", "\n"), "    ")
    (work / "test_job.py").write_text(f"def test_job():\n{indented}\n")
    (work / "worker.py").write_text(f"def go(_):\n{indented}\n")
    return work


def _run(*command, status=0, **more):
    done = subprocess.run(
        [sys.executable, "-m", "provfs", "run", "--", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "IPYTHONDIR": ".ipython", **more},
    )
    assert done.returncode == status, done.stderr
    return done


def _seen(records):
    accesses = [one for one in records if isinstance(one, Access)]
    return {(one.mode, one.uri.rpartition("/")[2]) for one in accesses}


@pytest.mark.parametrize("arguments", INTERPRETERS.values(), ids=INTERPRETERS)
def test_python_is_captured_however_it_starts(home, job, journal_records, arguments):
    """Options, tools and ways to start a child make no difference to what is seen."""
    if arguments[1] in {"IPython", "debugpy"}:
        pytest.importorskip(arguments[1])
    _run(sys.executable, *arguments)

    assert (job / "out.csv").read_text() == "of 1"
    assert {("read", "in.csv"), ("write", "out.csv")} <= _seen(journal_records(home))


@pytest.mark.parametrize("program", POOLS.values(), ids=POOLS)
def test_workers_are_captured_and_credited_to_the_program(home, job, journal_records, program):
    """Workers of every kind of pool are executions of the program that has the pool."""
    if "joblib" in program:
        pytest.importorskip("joblib")
    (job / "main.py").write_text(textwrap.dedent(program))

    _run(sys.executable, "main.py")

    records = journal_records(home)
    assert {("read", "in.csv"), ("write", "out.csv")} <= _seen(records)
    programs = {one.execution: one.program for one in records if isinstance(one, Execution)}
    (main,) = {
        one.execution
        for one in records
        if isinstance(one, Execution) and one.command[-1:] == ("main.py",) and not one.parent
    }
    writers = {
        one.execution for one in records if isinstance(one, Access) and one.uri.endswith("out.csv")
    }
    assert {programs[writer] for writer in writers} == {main}
    assert main not in writers


def test_python_of_another_environment_is_captured(home, job, journal_records, tmp_path):
    """An environment that has no provfs runs unchanged; its files are seen from outside."""
    venv.create(tmp_path / "other", with_pip=False)
    python = tmp_path / "other" / "bin" / "python"

    done = _run(python, "job.py")

    assert (done.stdout, done.stderr) == ("", "")
    assert (job / "out.csv").read_text() == "of 1"
    if os.environ.get("PROVFS_NO_PRELOAD") != "1":
        assert {("read", "in.csv"), ("write", "out.csv")} <= _seen(journal_records(home))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_python_leaves_what_it_has_done(home, job, journal_records, number):
    """A signal ends the program and loses nothing that was closed; what was open is known too."""
    code = f"{WORK}; g = open('late.csv', 'w'); import os; os.kill(os.getpid(), {int(number)})"
    _run(sys.executable, "-c", code, status=-number)

    records = journal_records(home)
    assert {("read", "in.csv"), ("write", "out.csv")} <= _seen(records)
    assert [one for one in records if isinstance(one, Opening) and one.uri.endswith("late.csv")]
    assert not [one for one in records if isinstance(one, Exit) and one.lost_records]
