"""What the wheel holds, seen in a wheel that is built for the test."""

import builtins
import configparser
import importlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"provfs": ROOT / "provfs", "provfs_agent": ROOT / "agent" / "provfs_agent"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = directory.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_installs_two_packages_and_the_start_up_file(wheel):
    """Nothing lands in site-packages but the packages, their metadata and two start-up files."""
    top_level = {name.split("/")[0] for name in wheel.namelist()}

    (metadata,) = (name for name in top_level if name.endswith(".dist-info"))
    assert metadata.startswith("provfs-")
    assert top_level - {metadata} == {"provfs", "provfs_agent", "provfs.pth", "provfs.start"}


def test_wheel_holds_every_file_of_the_packages(wheel):
    """Modules, SQL, type markers and data files of the work tree are all in the wheel."""
    expected = {
        f"{package}/{path.relative_to(root).as_posix()}"
        for package, root in PACKAGES.items()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    missing = expected - set(wheel.namelist())
    assert not missing
    assert {"provfs/py.typed", "provfs_agent/py.typed"} <= expected
    assert any(name.endswith(".sql") for name in expected)


def test_start_up_file_is_the_one_of_the_package(wheel):
    """The start-up file in site-packages says the same as the one that `provfs run` uses."""
    installed = wheel.read("provfs.pth")

    assert installed == wheel.read("provfs/capture/autoload/provfs.pth")
    assert all(line.startswith(b"import ") for line in installed.splitlines() if line.strip())


def test_entry_point_of_later_pythons_is_a_function_that_waits_to_be_wanted(wheel, monkeypatch):
    """The start-up file of PEP 829 names one function, which does nothing outside `provfs run`."""
    (line,) = wheel.read("provfs.start").decode().splitlines()
    module, _, name = line.partition(":")
    monkeypatch.delenv("PROVFS_RUN", raising=False)

    before = builtins.open
    getattr(importlib.import_module(module), name)()

    assert builtins.open is before


def test_wheel_declares_commands_and_protocol(wheel):
    """The commands and the fsspec protocol `prov` come with the installation."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    declared = configparser.ConfigParser()
    declared.read_string(wheel.read(name).decode())

    assert dict(declared["console_scripts"]) == {
        "provfs": "provfs.cli.main:main",
        "provfs-agent": "provfs_agent.cli:main",
    }
    assert dict(declared["fsspec.specs"]) == {
        "prov": "provfs.capture.filesystem:ProvenanceFileSystem"
    }


def test_compiled_calls_use_no_format_that_depends_on_the_headers():
    """Compiled with Python 3.13, lengths in formats (`y#`) fail under 3.11 and 3.12; one tag serves
    all.
    """
    names = ("_calls.c", "journal/_columns.c")
    source = "".join((ROOT / "provfs" / name).read_text(encoding="utf-8") for name in names)

    formats = re.findall(r'(?:PyArg_Parse\w*|Py_BuildValue)\([^"]*"([^"]*)"', source)

    assert formats
    assert not [text for text in formats if "#" in text]
