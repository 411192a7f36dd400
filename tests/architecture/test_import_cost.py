"""What an import may cost: a captured program pays for everything that is loaded here."""

import os
import subprocess
import sys

import pytest

LOADED = "import sys; print(*sorted(sys.modules))"


def _modules_after(statement, **env):
    output = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{LOADED}"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(output.split())


@pytest.mark.parametrize("module", ["duckdb", "click", "watchdog", "fsspec"])
def test_capture_does_not_load(module):
    """`import provfs.capture` loads neither DuckDB nor click, watchdog or fsspec."""
    loaded = _modules_after("import provfs.capture")

    assert "provfs.capture" in loaded
    assert module not in loaded


@pytest.mark.parametrize("module", ["duckdb", "click", "watchdog"])
def test_wrapping_does_not_load(module):
    """A program that wraps its filesystem never loads the log or the command line."""
    loaded = _modules_after("import provfs; provfs.wrap")

    assert module not in loaded


def test_log_package_does_not_load_duckdb():
    """`import provfs.log` is cheap; the engine comes with the first use of `open_log`."""
    assert "duckdb" not in _modules_after("import provfs, provfs.log")
    assert "duckdb" in _modules_after("from provfs.log import open_log")


def test_start_without_capture_loads_nothing():
    """A Python that was not started by `provfs run` loads no module of provfs at its start."""
    loaded = _modules_after("pass")

    assert not [name for name in loaded if name.partition(".")[0] == "provfs"]


def test_disabled_capture_loads_nothing_heavy():
    """`PROVFS_DISABLED=1` keeps even a program below `provfs run` free of fsspec and msgspec."""
    loaded = _modules_after("pass", PROVFS_RUN="1", PROVFS_DISABLED="1")

    assert not {"fsspec", "msgspec", "xxhash", "duckdb"} & loaded


def test_captured_program_loads_only_what_is_ours(tmp_path):
    """A file that is read and one that is written load no module of the standard library more."""
    job = "open('b.txt', 'w').write(open('a.txt').read())"
    (tmp_path / "a.txt").write_text("a")
    run = [sys.executable, "-m", "provfs", "run", "--home", str(tmp_path / "home"), "--"]

    output = subprocess.run(
        [*run, sys.executable, "-c", f"{LOADED}\n{job}\n{LOADED}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    before, after = map(str.split, output.splitlines())
    assert {name.partition(".")[0] for name in set(after) - set(before)} <= {"provfs", "resource"}
    assert not {"re", "json", "pathlib", "typing", "enum"} & set(after)
