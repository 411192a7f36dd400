"""Which commit is checked out, read from git's own files.

Contract: starts no process, raises nothing; None where it is not known. Follows `HEAD`, loose and
packed references, and the pointer file of worktrees and submodules.
Not here: whether files differ from it, see `provfs.capture.identity.changes`.
"""

from __future__ import annotations

import os

from provfs.capture.identity.origin import read_small

_LARGEST_BYTES = 16 << 20


def repository_around(start: str) -> tuple[str, str] | None:
    """Return (top of the working tree, git directory) around a directory; None outside of one."""
    directory = start
    while True:
        marker = f"{directory}/.git"
        if os.path.isdir(marker):
            return directory, marker
        if os.path.isfile(marker):
            pointer = text(marker).removeprefix("gitdir:").strip()
            return (directory, os.path.join(directory, pointer)) if pointer else None
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def git_commit(start: str) -> str | None:
    """Return the commit that is checked out around a directory."""
    found = repository_around(start)
    return commit_of(found[1]) if found else None


def commit_of(git: str) -> str | None:
    """Return the commit that the `HEAD` of a git directory names."""
    head = text(f"{git}/HEAD").strip()
    if not head.startswith("ref:"):
        return head or None
    reference = head.removeprefix("ref:").strip()
    common = common_directory(git)
    for place in (git, common):
        if commit := text(f"{place}/{reference}").strip():
            return commit
    for row in text(f"{common}/packed-refs").splitlines():
        commit, _, name = row.partition(" ")
        if name.strip() == reference:
            return commit
    return None


def common_directory(git: str) -> str:
    """Return the directory that holds what all working trees share."""
    shared = text(f"{git}/commondir").strip()
    return os.path.join(git, shared) if shared else git


def text(path: str) -> str:
    """Return the content of a small file; empty where it cannot be read."""
    return (read_small(path, _LARGEST_BYTES) or b"").decode("utf-8", "replace")
