"""Whether tracked files differ from the commit that is checked out, without starting git.

Contract: reads the index, and the working tree where the index cannot tell; bounded in time and
size; writes nothing and raises nothing. True and False are certain as far as git would say so: what
only a filter, a submodule or an unusual repository could decide is None. Untracked files do not
count. Source: gitformat-index(5), gitformat-pack(5).
"""

from __future__ import annotations

import os
import time
from _struct import error  # type: ignore[attr-defined] # `struct` re-exports it at a price

from provfs.capture.identity.git import commit_of, common_directory, repository_around, text
from provfs.capture.identity.index import Entry, read_index, tree_of
from provfs.capture.identity.objects import sha1, tree_of_commit
from provfs.capture.identity.origin import read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S = 0.5
"""Wall time after which the answer is None."""

_LARGEST_INDEX_BYTES = 64 << 20
_LARGEST_HASHED_BYTES = 64 << 20
_CHECK_EVERY = 256
_SYMLINK = 0o120000
_SUBMODULE = 0o160000
_DIRECTORY = 0o040000
_FORMAT = 0o170000
_EXECUTABLE = 0o100
_NOT_LOOKED_AT = frozenset({_SUBMODULE, _DIRECTORY})
_UNUSUAL = ("objectformat", "worktree", "filemode = false")
_FILTERS = ("filter", "text", "eol", "crlf", "ident", "encoding")


class _Unknown(Exception):  # noqa: N818 - no error: it ends a search that cannot be decided
    """Only git itself could tell."""


def is_dirty(
    start: str, longest_s: float = LONGEST_S, is_over: Callable[[], bool] = lambda: False
) -> bool | None:
    """Say whether tracked files around a directory differ from the commit; None where unknown.

    Args:
        start: The directory.
        longest_s: Wall time after which the answer is None.
        is_over: Asked now and then; once it says so, the answer is None.
    """
    deadline = time.monotonic() + longest_s

    def is_late() -> bool:
        return time.monotonic() > deadline or is_over()

    try:
        found = repository_around(start)
        return _differs(*found, is_late) if found else None
    except (
        _Unknown,
        error,
        OSError,
        ValueError,
        LookupError,
        OverflowError,
        RecursionError,
        MemoryError,
    ):
        return None


def _differs(top: str, git: str, is_late: Callable[[], bool]) -> bool:
    content = read_small(f"{git}/index", _LARGEST_INDEX_BYTES)
    commit = commit_of(git)
    common = common_directory(git)
    settings = text(f"{common}/config").lower()
    if content is None or commit is None or any(word in settings for word in _UNUSUAL):
        raise _Unknown
    entries, whole = read_index(content, is_late)
    if any(entry.stage for entry in entries):
        return True
    committed = tree_of_commit(common, commit)
    if committed is None:
        raise _Unknown
    if (whole or tree_of(entries, is_late)) != committed:
        return True
    tree = _WorkingTree(top, os.stat(f"{git}/index").st_mtime_ns, settings)
    for number, entry in enumerate(entries):
        if number % _CHECK_EVERY == 0 and is_late():
            raise _Unknown
        if not entry.unchecked and entry.mode not in _NOT_LOOKED_AT and tree.differs(entry):
            return True
    return False


class _WorkingTree:
    """The files that are there.

    Args:
        top: Where they lie.
        written_ns: When the index was written.
        settings: The text of the repository's configuration, in lower case.
    """

    def __init__(self, top: str, written_ns: int, settings: str) -> None:
        self._top = top
        self._written_ns = written_ns
        self._filtered = "autocrlf" in settings or "filter" in settings
        self._left_bytes = _LARGEST_HASHED_BYTES

    def differs(self, entry: Entry) -> bool:
        """Say whether the file of an entry is another one than was added."""
        path = os.path.join(self._top, os.fsdecode(entry.path))
        try:
            stat = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        is_link = entry.mode == _SYMLINK
        if (stat.st_mode & _FORMAT) != (entry.mode & _FORMAT) or (
            not is_link and (stat.st_mode ^ entry.mode) & _EXECUTABLE
        ):
            return True
        if _is_as_indexed(entry, stat, self._written_ns):
            return False
        self._left_bytes -= stat.st_size
        if self._left_bytes < 0:
            raise _Unknown
        if _object_of(path, entry.mode, stat.st_size) == entry.object:
            return False
        if not is_link and (self._filtered or _may_be_filtered(self._top, path)):
            raise _Unknown
        return True


def _is_as_indexed(entry: Entry, stat: os.stat_result, written_ns: int) -> bool:
    """Say whether the file is known to be as it was added, by size and times alone.

    A file that changed no earlier than the index was written may have changed again since.
    """
    seconds, nanoseconds = divmod(stat.st_mtime_ns, 1_000_000_000)
    return (
        entry.size == stat.st_size & 0xFFFFFFFF
        and entry.seconds == seconds & 0xFFFFFFFF
        and entry.nanoseconds in {0, nanoseconds}
        and stat.st_mtime_ns < written_ns
    )


def _object_of(path: str, mode: int, size: int) -> bytes:
    content = os.fsencode(os.readlink(path)) if mode == _SYMLINK else read_small(path, size)
    if content is None:
        raise _Unknown
    return sha1(b"blob %d\0" % len(content) + content)


def _may_be_filtered(top: str, path: str) -> bool:
    """Say whether attributes could make git see other bytes than those in the file."""
    directory = os.path.dirname(path)
    while True:
        attributes = text(f"{directory}/.gitattributes")
        if any(word in attributes for word in _FILTERS):
            return True
        if directory == top or len(directory) <= len(top):
            return os.path.exists(f"{top}/.git/info/attributes")
        directory = os.path.dirname(directory)
