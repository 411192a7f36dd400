"""What changed between two lists of files; pure.

Contract: a name that carries the same file as another did before is a rename, where the system
tells files apart; a file whose fingerprint differs was written. The answer is in order of path,
removals first, so that it can be applied from beginning to end.
Not here: how lists are made, see `provfs_agent.backends.polling` and
`provfs_agent.backends.remote`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provfs_agent.events import FileKey, Kind


class Entry(NamedTuple):
    """One name in a list.

    Attributes:
        is_directory: Whether it names a directory.
        fingerprint: Equal if, as far as is known, the bytes are.
        file: Which file it is; None where names are all there is.
    """

    is_directory: bool
    fingerprint: str
    file: FileKey | None = None


class Difference(NamedTuple):
    """One change from the earlier list to the later one."""

    kind: Kind
    path: str
    old_path: str | None
    entry: Entry


def differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[Difference]:
    """Return what leads from one list to the other."""
    gone = {path: before[path] for path in before.keys() - after.keys()}
    came = {path: after[path] for path in after.keys() - before.keys()}
    homes = {entry.file: path for path, entry in sorted(gone.items(), reverse=True) if entry.file}
    moved: dict[str, str] = {}
    for path, entry in sorted(came.items()):
        old = homes.pop(entry.file, None) if entry.file else None
        if old is not None and gone[old].is_directory == entry.is_directory:
            moved[path] = old
    left = set(moved.values())
    found = [
        Difference("delete", path, None, entry)
        for path, entry in sorted(gone.items(), reverse=True)
        if path not in left
    ]
    for path, entry in sorted(came.items()):
        if path in moved:
            found.append(Difference("rename", path, moved[path], entry))
            if entry.fingerprint != gone[moved[path]].fingerprint and not entry.is_directory:
                found.append(Difference("modify", path, None, entry))
        else:
            found.append(Difference("create", path, None, entry))
    for path in sorted(before.keys() & after.keys()):
        old_entry, entry = before[path], after[path]
        if old_entry.is_directory != entry.is_directory:
            found.append(Difference("delete", path, None, old_entry))
            found.append(Difference("create", path, None, entry))
        elif old_entry.fingerprint != entry.fingerprint and not entry.is_directory:
            found.append(Difference("modify", path, None, entry))
    return found
