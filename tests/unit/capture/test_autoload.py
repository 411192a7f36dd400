"""Capture in real processes, started as `provfs run` starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provfs.config import Settings, prepare_home
from provfs.journal import record

if TYPE_CHECKING:
    from collections.abc import Callable


def test_process_that_touches_nothing_is_an_execution(job: Any) -> None:
    """A captured process leaves an execution and an exit record, and prints nothing of ours."""
    done = job.run("print('hi')")

    assert (done.stdout, done.stderr, done.returncode) == ("hi\n", "", 0)
    [execution] = job.records(record.Execution)
    assert execution.command[-1].endswith("job.py")
    assert execution.code_digest
    assert len(job.records(record.Exit)) == 1


def test_capture_off_leaves_nothing(job: Any) -> None:
    """`PROVFS_DISABLED=1` turns all of it off."""
    job.run("open('x', 'w').close()", PROVFS_DISABLED="1")

    assert not (job.home / "journal").exists()


def test_unusable_home_does_not_touch_the_job(job: Any) -> None:
    """A home that cannot be made costs the capture, not the job."""
    job.home.write_text("a file, not a directory")

    done = job.run("open('x', 'w').write('1'); print(open('x').read())")

    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_belong_to_the_program(job: Any, method: str) -> None:
    """Workers of a pool are executions of the same program, and what they read is theirs."""
    for number in range(4):
        (job.work / f"{number}.csv").write_text(str(number))

    done = job.run(
        f"""
        import multiprocessing as mp
        def load(name):
            with open(name) as file: return file.read()
        if __name__ == "__main__":
            with mp.get_context({method!r}).Pool(2) as pool:
                print(sorted(pool.map(load, [f"{{n}}.csv" for n in range(4)])))
                pool.close(); pool.join()
        """
    )

    assert done.stdout == "['0', '1', '2', '3']\n", done.stderr
    reads = [a for number in range(4) for a in job.accesses(f"{number}.csv", "read")]
    assert len(reads) == 4
    executions = {e.execution: e for e in job.records(record.Execution)}
    main = next(e for e in executions.values() if e.parent is None)
    assert {executions[a.execution].program for a in reads} == {main.execution}
    assert main.execution not in {a.execution for a in reads}


def test_fork_child_has_an_identity_of_its_own(job: Any) -> None:
    """After a bare fork, parent and child have different names, and the child has its parent."""
    job.run(
        """
        import os
        open("before", "w").write("1")
        if os.fork() == 0:
            open("child", "w").write("2")
            os._exit(0)
        os.wait()
        open("after", "w").write("3")
        """
    )

    [before], [child], [after] = (
        job.accesses(name, "write") for name in ("before", "child", "after")
    )
    assert before.execution == after.execution != child.execution
    executions = {e.execution: e for e in job.records(record.Execution)}
    assert executions[child.execution].parent == before.execution
    [wait] = job.records(record.Wait)
    assert wait.exit_code == 0
    assert wait.child_pid == executions[child.execution].pid


def test_child_program_is_waited_for(job: Any) -> None:
    """A subprocess is a program of its own, with this one as parent, and its end is known."""
    job.run(
        """
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "open('x', 'w').write('1'); raise SystemExit(3)"])
        """
    )

    [write] = job.accesses("x", "write")
    [wait] = job.records(record.Wait)
    child = next(e for e in job.records(record.Execution) if e.execution == write.execution)
    assert (wait.child, wait.exit_code, child.parent, child.program) == (
        child.execution,
        3,
        wait.execution,
        child.execution,
    )


def test_renames_and_removals_are_recorded_and_withdrawn(job: Any) -> None:
    """What was moved or removed is recorded; what failed is withdrawn."""
    job.run(
        """
        import os
        open("a.tmp", "w").write("1")
        os.replace("a.tmp", "a")
        open("b", "w").write("2")
        os.remove("b")
        try: os.rename("a", "/no/such/place")
        except OSError: pass
        """
    )

    renames, removals, failures = (
        job.records(kind) for kind in (record.Rename, record.Remove, record.Failed)
    )
    assert [(r.uri.rpartition("/")[2], r.to.rpartition("/")[2]) for r in renames] == [
        ("a.tmp", "a"),
        ("a", "place"),
    ]
    assert [r.uri.rpartition("/")[2] for r in removals] == ["b"]
    assert [f.id for f in failures] == [renames[1].id]


def test_files_written_by_descriptor_are_looked_at_later(
    job: Any, digest: Callable[[bytes], str]
) -> None:
    """A file written through `os.open` is a write with its content, also where `fdopen` took it."""
    job.run(
        """
        import os, tempfile
        fd = os.open("raw", os.O_CREAT | os.O_WRONLY); os.write(fd, b"raw"); os.close(fd)
        fd, name = tempfile.mkstemp(dir="."); f = os.fdopen(fd, "w"); f.write("q"); f.close()
        os.replace(name, "q")
        """
    )

    assert [a.digest for a in job.accesses("raw", "write")] == [digest(b"raw")]
    [rename] = [r for r in job.records(record.Rename) if r.to.endswith("/q")]
    writes = [a for a in job.records(record.Access) if a.uri == rename.uri]
    assert [(a.mode, a.digest) for a in writes] == [("write", digest(b"q"))]


def test_numpy_files_have_their_digest(job: Any, digest: Callable[[bytes], str]) -> None:
    """Arrays are written and read past the file object, through its descriptor."""
    pytest.importorskip("numpy")

    done = job.run(
        """
        import numpy as np
        a = np.arange(10000)
        np.save('a.npy', a)
        assert (np.load('a.npy') == a).all()
        """
    )

    assert done.returncode == 0, done.stderr
    content = (job.work / "a.npy").read_bytes()
    assert {(a.mode, a.digest) for a in job.accesses("a.npy")} == {
        ("write", digest(content)),
        ("read", digest(content)),
    }


def test_handle_open_at_exit_is_recorded(job: Any, digest: Callable[[bytes], str]) -> None:
    """A file that the program never closed is recorded when the interpreter ends."""
    job.run("f = open('x', 'w'); f.write('late')")

    assert [a.digest for a in job.accesses("x", "write")] == [digest(b"late")]


def test_killed_process_leaves_its_opening(job: Any) -> None:
    """What was being written when the process was killed is known to have been begun."""
    job.run(
        """
        import os, signal
        f = open('x', 'w')
        f.write('1'); f.flush(); os.kill(os.getpid(), signal.SIGKILL)
        """
    )

    assert [o.uri.rpartition("/")[2] for o in job.records(record.Opening)] == ["x"]
    assert job.accesses("x") == []


def test_shadowed_sitecustomize_still_runs(job: Any) -> None:
    """The user's own sitecustomize is not lost behind ours."""
    place = job.work / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text("import builtins; builtins.users_own = 1")
    from provfs import capture

    root = capture.__path__[0].rpartition("/provfs/")[0]
    done = job.run("print(users_own)", PYTHONPATH=f"{capture.__path__[0]}/autoload:{root}:{place}")

    assert done.stdout == "1\n", done.stderr


def test_secrets_never_reach_the_journal(job: Any) -> None:
    """Command lines are cleaned before they are written."""
    job.run(
        """
        import subprocess, sys
        subprocess.run([sys.executable, '-c', 'pass', '--password', 'hunter2'])
        """
    )

    text = b"".join(path.read_bytes() for path in (job.home / "journal").iterdir())
    assert b"hunter2" not in text


def test_start_imports_nothing_heavy(job: Any) -> None:
    """A captured process that touches no file loads no fsspec, msgspec, DuckDB or scope rules."""
    settings = Settings(home=job.home)
    prepare_home(settings)
    heavy = {"fsspec", "msgspec", "duckdb", "click", "typing", "json", "provfs.scope"}

    done = job.run(
        f"import sys; print(sorted({heavy} & set(sys.modules)))", PROVFS_SETTINGS=settings.to_json()
    )

    assert done.stdout == "[]\n", done.stderr


def test_compiling_a_module_is_no_output_to_be_judged(job: Any) -> None:
    """Python keeps what it has compiled under a name for the time first: nothing of a job's own."""
    settings = Settings(home=job.home)
    prepare_home(settings)
    (job.work / "module.py").write_text("")

    done = job.run(
        "import module, sys; print('provfs.scope' in sys.modules)",
        PROVFS_SETTINGS=settings.to_json(),
        PYTHONDONTWRITEBYTECODE="",
    )

    assert done.stdout == "False\n", done.stderr
    assert list((job.work / "__pycache__").glob("module.*.pyc"))


def test_broken_compiled_calls_are_told_and_capture_goes_on(
    run_python, journal_records, home, work
):
    """What was compiled for another Python is not used; a gap of nothing missing says so."""
    run_python(
        """
import os, sys
from importlib.util import spec_from_loader
class Broken:
    def find_spec(self, name, path=None, target=None):
        return spec_from_loader(name, self) if name == "provfs._calls" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        raise ImportError("undefined symbol")
sys.meta_path.insert(0, Broken())
os.environ["PROVFS_RUN"] = "1"
from provfs.capture.autoload.start import start
start()
with open("made", "w") as file:
    file.write("some")
""",
        under_run=False,
    )

    records = journal_records(home)
    gaps = [r for r in records if isinstance(r, record.Gap)]
    assert [(gap.kind, gap.count) for gap in gaps] == [("calls-in-python", 0)]
    assert any(isinstance(r, record.Access) and r.uri.endswith("/made") for r in records)
