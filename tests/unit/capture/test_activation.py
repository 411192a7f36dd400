"""Capture that cannot start says so in the journal and leaves the job alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provfs.capture.active import plain_settings
from provfs.config import Settings
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


@pytest.mark.parametrize(
    "settings",
    [
        Settings(Path("/h")),
        Settings(Path("/a b, c/h"), append_hash_limit_bytes=7),
        Settings(Path("/h"), kinds=(("*.x", "model"), ('"append_hash_limit_bytes": 5', "other"))),
    ],
)
def test_plain_settings_are_those_of_the_parser(settings: Settings) -> None:
    """Settings without patterns are read without a JSON parser, to the same effect."""
    plain = plain_settings(settings.to_json())

    assert plain is not None
    assert Path(plain.home) == settings.home
    for name in ("include", "exclude", "append_hash_limit_bytes", "strict"):
        assert getattr(plain, name) == getattr(settings, name)


@pytest.mark.parametrize(
    "text",
    [
        Settings(Path('/quo"te')).to_json(),
        Settings(Path("/h"), include=("x",)).to_json(),
        Settings(Path("/h"), exclude=("x",)).to_json(),
        Settings(Path("/h"), strict=True).to_json(),
        Settings(Path("/h")).to_json().replace("67108864", "many"),
        Settings(Path("/h")).to_json()[:-1],
        '{"home": 3}',
        "",
    ],
)
def test_other_settings_need_the_parser(text: str) -> None:
    """Patterns, strict mode, quotes and whatever is torn are left to the thorough way."""
    assert plain_settings(text) is None
