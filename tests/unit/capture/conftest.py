"""Run programs under capture in real processes and read what their journals say."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import provfs
from provfs.capture.plain.opening import CapturedOpen, Opener
from provfs.capture.recorder import Recorder
from provfs.config import Settings, prepare_home
from provfs.journal import record

ROOT = Path(provfs.__path__[0]).parent
AUTOLOAD = ROOT / "provfs" / "capture" / "autoload"


class Job:
    """One directory in which programs run under capture, with a home beside it."""

    def __init__(self, directory: Path) -> None:
        self.work = directory / "work"
        self.home = directory / "home"
        self.work.mkdir()

    def run(
        self, program: str, *, capture: bool = True, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python program; with `capture` as a child of `provfs run` would be."""
        path = [str(AUTOLOAD)] * capture + [str(ROOT)]
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROVFS_")},
            "PYTHONPATH": os.pathsep.join(path),
            "PROVFS_HOME": str(self.home),
            **({"PROVFS_RUN": "1"} if capture else {}),
            **extra,
        }
        script = self.work / "job.py"
        script.write_text(textwrap.dedent(program), encoding="utf-8")
        return subprocess.run(
            [sys.executable, str(script)],
            cwd=self.work,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def records(self, *kinds: type) -> list[Any]:
        """Return all records of these kinds, in the order of the journals."""
        found = []
        for path in sorted((self.home / "journal").glob("*.jsonl")):
            found += [record.decode(line) for line in path.read_bytes().splitlines()]
        return [item for item in found if not kinds or isinstance(item, kinds)]

    def accesses(self, name: str, mode: str | None = None) -> list[record.Access]:
        """Return the accesses of one file in the working directory."""
        uri = (self.work / name).as_uri()
        return [a for a in self.records(record.Access) if a.uri == uri and mode in (None, a.mode)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A place to run captured programs in."""
    return Job(tmp_path)


@pytest.fixture
def digest() -> Callable[[bytes], str]:
    """The text form of the digest of some content."""
    from provfs.digest import digest_of_bytes

    return lambda content: str(digest_of_bytes(content))


class Bench:
    """An `open` that captures, and what it recorded."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        prepare_home(self.settings)
        self.recorder = Recorder(str(self.settings.journal_directory), lambda: self.settings)
        self.open = CapturedOpen(Opener(self.recorder, io.open, "open"))

    def records(self, *kinds: type) -> list[Any]:
        paths = sorted(self.settings.journal_directory.glob("*.jsonl"))
        found = [record.decode(line) for path in paths for line in path.read_bytes().splitlines()]
        return [item for item in found if not kinds or isinstance(item, kinds)]

    def accesses(self, mode: str) -> list[record.Access]:
        return [item for item in self.records(record.Access) if item.mode == mode]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("PROVFS_EXECUTION", "")
    monkeypatch.setenv("PROVFS_PROGRAM", "")
    made = Bench(tmp_path / "home")
    yield made
    made.recorder.finish()
    assert made.recorder.lost == 0
