"""How the tree looks: sizes and names of files."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE_LINES = 400
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
CODE = sorted(
    path
    for folder in ("provfs", "agent", "tests", "benchmarks", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".sql"} and "__pycache__" not in path.parts
)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_short(path):
    """A file that nobody can read in one sitting has more than one duty."""
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= LONGEST_FILE_LINES


def test_names_say_what_is_inside():
    """No module or folder has a name that fits everything."""
    named = [path for path in CODE if BANNED & {path.stem, path.parent.name}]

    assert not named


def test_agent_folder_is_no_package():
    """`agent/` holds no code directly: a package `agent` would shadow those of other people."""
    assert not list((ROOT / "agent").glob("*.py"))
    assert (ROOT / "agent" / "provfs_agent" / "__init__.py").exists()
