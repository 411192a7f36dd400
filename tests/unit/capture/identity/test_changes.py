"""Whether tracked files differ from the commit, as git itself says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provfs.capture.identity.changes import is_dirty
from provfs.capture.identity.git import git_commit

Git = Callable[..., str]


@pytest.fixture(params=[2, 4])
def repository(request, tmp_path) -> Path:
    """Return a clean repository with an index of the plain and of the compressed form."""
    top = tmp_path / "repository"
    (top / "deep" / "er").mkdir(parents=True)
    _git(top, "init", "-q")
    _git(top, "config", "index.version", str(request.param))
    for number in range(20):
        (top / f"f{number}").write_text("x" * number)
        (top / "deep" / "er" / f"g{number}.txt").write_text(str(number))
    (top / "link").symlink_to("f1")
    (top / "script").write_text("#!/bin/sh\n")
    (top / "script").chmod(0o755)
    _git(top, "add", "-A")
    _git(top, "commit", "-qm", "one")
    return top


def _git(top: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=top, check=True, capture_output=True, text=True).stdout


def _touch(top: Path) -> None:
    os.utime(top / "f3", ns=(1, 1))


def _same_size(top: Path) -> None:
    (top / "f3").write_text("yyy")


def _at_the_same_moment(top: Path) -> None:
    stat = (top / "f3").stat()
    (top / "f3").write_text("yyy")
    os.utime(top / "f3", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    index = os.stat(top / ".git" / "index")
    os.utime(top / ".git" / "index", ns=(index.st_atime_ns, stat.st_mtime_ns))


def _staged(top: Path) -> None:
    (top / "f3").write_text("staged")
    _git(top, "add", "f3")


def _staged_tree(top: Path) -> None:
    _staged(top)
    _git(top, "write-tree")


def _reverted(top: Path) -> None:
    _staged(top)
    (top / "f3").write_text("xxx")
    _git(top, "add", "f3")


def _committed(top: Path) -> None:
    _staged(top)
    _git(top, "commit", "-qm", "two")


def _packed(top: Path) -> None:
    _committed(top)
    _git(top, "gc", "-q")


def _intended(top: Path) -> None:
    (top / "new").write_text("1")
    _git(top, "add", "-N", "new")


def _removed_from_index(top: Path) -> None:
    _git(top, "rm", "-q", "--cached", "f5")


def _relinked(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").symlink_to("f2")


CHANGES = {
    "nothing": (lambda _: None, False),
    "untracked": (lambda top: (top / "new").write_text("1"), False),
    "touched": (_touch, False),
    "same-size": (_same_size, True),
    "within-a-tick": (_at_the_same_moment, True),
    "staged": (_staged, True),
    "staged-and-tree-written": (_staged_tree, True),
    "staged-and-back": (_reverted, False),
    "committed": (_committed, False),
    "packed": (_packed, False),
    "intended": (_intended, True),
    "removed": (lambda top: (top / "f6").unlink(), True),
    "removed-from-index": (_removed_from_index, True),
    "executable": (lambda top: (top / "f7").chmod(0o755), True),
    "relinked": (_relinked, True),
    "directory-gone": (lambda top: (top / "deep").rename(top.parent / "away"), True),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_answer_is_that_of_git(repository, change, expected):
    """Every kind of change is told as git tells it, from the files alone."""
    change(repository)

    found = is_dirty(str(repository))

    said = subprocess.run(
        ["git", "status", "--porcelain", "-uno"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    ).stdout
    assert (found, bool(said)) == (expected, expected)


@pytest.mark.parametrize("newest_name", ["pack-0", "pack-z"])
def test_the_commit_is_found_in_whichever_pack_has_it(repository, newest_name):
    """Packs of older commits are looked at and passed over, before and behind the right one."""
    packs = repository / ".git" / "objects" / "pack"
    for number in range(12):
        (repository / "f3").write_text(str(number))
        _git(repository, "commit", "-qam", str(number))
        _git(repository, "repack", "-dq")
    newest = max(packs.glob("*.idx"), key=lambda path: path.stat().st_mtime_ns)
    for suffix in (".idx", ".pack"):
        newest.with_suffix(suffix).rename(packs / f"{newest_name}{suffix}")

    assert len(list(packs.glob("*.idx"))) == 12
    assert is_dirty(str(repository)) is False
    assert is_dirty(str(repository), longest_s=-1) is None


def test_a_commit_that_no_pack_has_is_not_known(repository):
    """Where the object lies in another repository, as after a clone with references, none knows."""
    _git(repository, "gc", "-q")
    (repository / ".git" / "HEAD").write_text("0" * 39 + "1\n")

    assert is_dirty(str(repository)) is None


@pytest.mark.parametrize("length", [0, 7, 8, 500, 1032, 1033, 1040, 1060, 1100])
def test_a_torn_index_of_a_pack_is_no_end_of_the_world(repository, length):
    """An index that ends early has no answer, at once."""
    _git(repository, "gc", "-q")
    [index] = (repository / ".git" / "objects" / "pack").glob("*.idx")
    index.chmod(0o600)
    os.truncate(index, length)

    assert is_dirty(str(repository)) is None


def test_a_torn_object_is_not_known(repository):
    """A commit of which a part is missing has no tree."""
    commit = git_commit(str(repository))
    path = repository / ".git" / "objects" / commit[:2] / commit[2:]
    path.chmod(0o600)
    os.truncate(path, path.stat().st_size - 8)

    assert is_dirty(str(repository)) is None


def test_linked_working_tree_has_its_own_answer(repository, tmp_path):
    """A second working tree of a repository is looked at by its own index."""
    other = tmp_path / "other"
    _git(repository, "worktree", "add", "-q", str(other))
    (other / "f1").write_text("changed")

    assert is_dirty(str(other)) is True
    assert is_dirty(str(repository)) is False
    assert git_commit(str(other)) == git_commit(str(repository))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda top: (top / ".git" / "index").write_bytes(b"DIRC\0\0\0\x02\0\0\0\x09 torn"),
        lambda top: (top / ".git" / "index").unlink(),
        lambda top: (top / ".gitattributes").write_text("* text=auto\n") and _same_size(top),
        lambda top: _git(top, "update-index", "--split-index") and None,
    ],
    ids=["torn", "missing", "filters", "split"],
)
def test_what_only_git_can_tell_is_not_known(repository, spoil):
    """A torn index, filters and unusual repositories have no answer instead of a wrong one."""
    spoil(repository)

    assert is_dirty(str(repository)) is None


def test_file_that_git_is_told_not_to_look_at_is_not_looked_at(repository):
    """A skipped file, which takes an index of version 3 or more, does not count."""
    _git(repository, "update-index", "--skip-worktree", "f3")
    _same_size(repository)
    assert is_dirty(str(repository)) is False

    (repository / "f4").write_text("seen")
    assert is_dirty(str(repository)) is True


def test_time_runs_out_without_an_answer(repository):
    """A working tree that takes too long to look at has no answer."""
    assert is_dirty(str(repository), longest_s=-1) is None


def test_outside_of_a_repository_there_is_no_answer(tmp_path):
    """Where there is no commit, nothing can differ from it."""
    assert is_dirty(str(tmp_path)) is None


def test_search_ends_when_it_is_not_wanted_any_more(repository):
    """Whoever waits for the answer can end the search."""
    assert is_dirty(str(repository), is_over=lambda: True) is None
