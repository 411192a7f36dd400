"""Which commit is checked out, also in repositories that are broken or made to do harm."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from provfs.capture.identity.git import git_commit
from provfs.capture.identity.objects import tree_of_commit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose HEAD names the branch `main`, which has no commit yet."""
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return tmp_path


def test_reference_that_names_a_reference_is_followed(repository):
    """A branch can stand for another one."""
    heads = repository / ".git" / "refs" / "heads"
    (heads / "main").write_text("ref: refs/heads/other\n")
    (heads / "other").write_text(f"{COMMIT}\n")

    assert git_commit(str(repository)) == COMMIT


@pytest.mark.parametrize("before", ["", "# pack-refs with: peeled fully-peeled sorted \n"])
def test_packed_reference_is_found_by_its_whole_name(repository, before):
    """A name that only ends alike, or that is peeled, is another one."""
    other = COMMIT[::-1]
    rows = f"{other} refs/heads/not/refs/heads/main\n^{other}\n{COMMIT} refs/heads/main\n"
    (repository / ".git" / "packed-refs").write_text(before + rows)

    assert git_commit(str(repository)) == COMMIT


def _loop(git: Path) -> None:
    (git / "refs" / "heads" / "main").write_text("ref: refs/heads/other\n")
    (git / "refs" / "heads" / "other").write_text("ref: refs/heads/main\n")


def _endless(git: Path) -> None:
    (git / "HEAD").write_text(f"ref: {'../' * 40}dev/zero\n")


def _pipe(git: Path) -> None:
    (git / "HEAD").unlink()
    os.mkfifo(git / "HEAD")


def _text(git: Path) -> None:
    (git / "HEAD").write_text("no commit " * 100_000)


@pytest.mark.parametrize("broken", [_loop, _endless, _pipe, _text])
def test_broken_repository_has_no_commit(repository, broken: Callable[[Path], None]):
    """Nothing is waited for, and nothing is taken for a commit that is none."""
    broken(repository / ".git")

    assert git_commit(str(repository)) is None


def test_object_that_unpacks_to_very_much_is_no_commit(repository):
    """A few kilobytes that stand for many megabytes are not unpacked."""
    folder = repository / ".git" / "objects" / COMMIT[:2]
    folder.mkdir(parents=True)
    (folder / COMMIT[2:]).write_bytes(zlib.compress(bytes(64 << 20)))

    assert tree_of_commit(str(repository / ".git"), COMMIT) is None
