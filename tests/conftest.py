"""Fixtures for every test: a home of its own, real programs under capture, and patience.

Contract: no test sees a `PROVFS_*` variable or the user's own home.
Not here: builders of records, see `tests/builders.py`; doubles of clocks, see `tests/fakes.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from provfs.capture import preload
from provfs.journal import record

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class RunPython(Protocol):
    """The fixture `run_python`."""

    def __call__(
        self,
        script_text: str,
        *args: str,
        home: Path | None = None,
        under_run: bool = True,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        check: bool = True,
        timeout_s: float = 60,
    ) -> subprocess.CompletedProcess[str]: ...


class Eventually(Protocol):
    """The fixture `eventually`."""

    def __call__(self, condition: Callable[[], T], timeout_s: float = 10) -> T: ...


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    """Take away all settings of the machine, and point the default home to an empty place."""
    for name in [name for name in os.environ if name.startswith("PROVFS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg-data"))


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """Return the home that `PROVFS_HOME` names; it does not exist yet."""
    path = tmp_path / "home"
    monkeypatch.setenv("PROVFS_HOME", str(path))
    return path


@pytest.fixture
def work(monkeypatch, tmp_path) -> Path:
    """Return an empty directory, in scope, that is the working directory of the test."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def run_python(tmp_path, request) -> RunPython:
    """Return a function that runs a script as a real process, by default as `provfs run` starts it.

    `home` defaults to the fixture of that name where the test has it, `cwd` to the directory of the
    test; `env` adds variables. The exit status must be 0 unless `check` is false.
    """

    def run(
        script_text,
        *args,
        home=None,
        under_run=True,
        cwd=None,
        env=None,
        check=True,
        timeout_s=60,
    ):
        if home is None and "home" in request.fixturenames:
            home = request.getfixturevalue("home")
        scripts = tmp_path / "scripts"
        scripts.mkdir(exist_ok=True)
        script = scripts / f"script{len(os.listdir(scripts))}.py"
        script.write_text(script_text, encoding="utf-8")
        command = [sys.executable, str(script), *args]
        if under_run:
            command = [sys.executable, "-m", "provfs", "run", "--", *command]
        finished = subprocess.run(
            command,
            cwd=cwd or Path.cwd(),
            env={**os.environ, **({"PROVFS_HOME": str(home)} if home else {}), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        if check:
            assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
        return finished

    return run


@pytest.fixture
def journal_records() -> Callable[[Path], list[record.AnyRecord]]:
    """Return a function that lists all records below a home, journal after journal."""

    def read(home):
        journals = sorted((home / "journal").rglob("*.jsonl"))
        return [record.decode(line) for path in journals for line in path.read_bytes().splitlines()]

    return read


@pytest.fixture
def eventually() -> Eventually:
    """Return a function that waits until a condition is true, and returns its value."""

    def wait(condition, timeout_s=10):
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"still not true after {timeout_s} s: {condition}")
            time.sleep(0.01)
        return value

    return wait


def pytest_configure(config: pytest.Config) -> None:
    """Compile the preload library where it is missing or older than its sources, once."""
    if preload.is_stale() and not hasattr(config, "workerinput"):
        preload.build(Path(preload.__file__).parent / preload.NAME)


@pytest.fixture(scope="session")
def library() -> Path:
    """Return the preload library."""
    path = preload.library()
    if path is None:
        pytest.skip("no C compiler")
    return Path(path)
