"""Capture that cannot start says so in the journal and leaves the job alone."""

from __future__ import annotations

from typing import Any

import pytest

from provfs.journal import record

PROGRAM = """
import builtins, io, os
with open("x", "w") as f: f.write("1")
with open("x") as f: f.read()
os.waitpid(os.spawnlp(os.P_NOWAIT, "true", "true"), 0)
print(type(builtins.open).__name__, type(io.open).__name__, type(os.waitpid).__name__)
"""


def break_module(
    job: Any, name: str, error: str = "ImportError('not for this interpreter')"
) -> dict[str, str]:
    """Put a module that fails to load before the real one; returns the environment that does it."""
    place = job.work / "broken"
    place.mkdir()
    (place / f"{name}.py").write_text(f"raise {error}")
    from provfs import capture

    root = capture.__path__[0].rpartition("/provfs/")[0]
    return {"PYTHONPATH": f"{capture.__path__[0]}/autoload:{place}:{root}"}


@pytest.mark.parametrize("error", ["ImportError('no such hasher')", "OSError(5, 'a bad disk')"])
def test_capture_without_its_hasher_is_a_gap(job: Any, error: str) -> None:
    """Where a dependency of capture is missing, the job runs untouched and a gap tells why."""
    done = job.run(PROGRAM, **break_module(job, "xxhash", error))

    builtin = "builtin_function_or_method"
    assert (done.stdout, done.stderr) == (f"{builtin} {builtin} {builtin}\n", "")
    [gap] = job.records(record.Gap)
    assert (gap.kind, gap.count) == ("capture-off", 1)
    assert error.partition("(")[0] in gap.detail
    assert len(job.records(record.Execution)) == 1
    assert job.records(record.Access) == []


def test_capture_that_started_has_no_gap(job: Any) -> None:
    """A process that captures says nothing about gaps."""
    job.run(PROGRAM)

    assert job.records(record.Gap) == []
    assert [a.mode for a in job.accesses("x")] == ["write", "read"]
