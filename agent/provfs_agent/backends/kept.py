"""Keep the list of a root from one run of the agent to the next, so that changes between are told.

Contract: one file for each root, replaced as a whole; one that cannot be read, or is of another
format, counts as none, and one that cannot be written stays as it was. Not here: what is compared
with it, see `provfs_agent.backends.polling`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import xxhash

from provfs_agent.backends.snapshots import Entry
from provfs_agent.whole_file import replace_whole

FORMAT = 1


class _Kept(msgspec.Struct, array_like=True):
    format: int
    root: str
    names: list[tuple[str, bool, str]]


class KeptList:
    """The list of one root.

    Args:
        directory: Where it lies.
        root: The url of the root.
    """

    def __init__(self, directory: str, root: str) -> None:
        self._root = root
        self._path = Path(directory, f"agent.list.{xxhash.xxh3_128_hexdigest(root.encode())}")

    def load(self) -> dict[str, Entry] | None:
        """Return the list; None where there is none."""
        try:
            kept = msgspec.msgpack.decode(self._path.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return None
        if (kept.format, kept.root) != (FORMAT, self._root):
            return None
        return {uri: Entry(is_directory, text) for uri, is_directory, text in kept.names}

    def save(self, entries: dict[str, Entry]) -> None:
        """Replace it."""
        names = [(uri, each.is_directory, each.fingerprint) for uri, each in entries.items()]
        replace_whole(self._path, msgspec.msgpack.encode(_Kept(FORMAT, self._root, names)))
