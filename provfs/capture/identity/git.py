"""Which commit is checked out, read from git's own files.

Contract: starts no process, raises nothing; None where it is not known. Follows `HEAD`, loose and
packed references, and the pointer file of worktrees and submodules.
Not here: whether files differ from it, see `provfs.capture.identity.changes`.
"""

from __future__ import annotations

import os

from provfs.capture.identity.origin import read_small

_LARGEST_BYTES = 16 << 20
_LARGEST_REFERENCE_BYTES = 1 << 14
_REFERENCES_DEEP = 6
_NAME_LENGTHS = (40, 64)
_HEX = frozenset("0123456789abcdef")


def repository_around(start: str) -> tuple[str, str] | None:
    """Return (top of the working tree, git directory) around a directory; None outside of one."""
    directory = start
    while True:
        marker = f"{directory}/.git"
        if os.path.isdir(marker):
            return directory, marker
        if os.path.isfile(marker):
            pointer = _small_text(marker).removeprefix("gitdir:").strip()
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
    found = _small_text(f"{git}/HEAD")
    common = ""
    for _ in range(_REFERENCES_DEEP):
        if not found.startswith("ref:"):
            return found if _is_name(found) else None
        common = common or common_directory(git)
        reference = found.removeprefix("ref:").strip()
        found = (
            _small_text(f"{git}/{reference}")
            or _small_text(f"{common}/{reference}")
            or _packed(common, reference)
        )
    return None


def _packed(common: str, reference: str) -> str:
    """Return what the file of packed references has for one of them; empty where it has none."""
    content = read_small(f"{common}/packed-refs", _LARGEST_BYTES) or b""
    end = content.find(b" %s\n" % os.fsencode(reference))
    begin = content.rfind(b"\n", 0, max(end, 0)) + 1
    return content[begin:end].decode("ascii", "replace") if end > 0 else ""


def _is_name(found: str) -> bool:
    return len(found) in _NAME_LENGTHS and _HEX.issuperset(found)


def _small_text(path: str) -> str:
    return (read_small(path, _LARGEST_REFERENCE_BYTES) or b"").decode("utf-8", "replace").strip()


def common_directory(git: str) -> str:
    """Return the directory that holds what all working trees share."""
    shared = _small_text(f"{git}/commondir")
    return os.path.join(git, shared) if shared else git


def text(path: str) -> str:
    """Return the content of a small file; empty where it cannot be read."""
    return (read_small(path, _LARGEST_BYTES) or b"").decode("utf-8", "replace")
