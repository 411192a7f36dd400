"""Which names directories and files have, as the events up to now describe it.

Contract: a directory keeps its node while it moves inside the root, so that a path is always that
of the moment which the events describe, and a move costs the same whatever is below.
Not here: how handles are got, see `tree` beside this file.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provfs_agent.backends.kernel.fanotify import Handle
    from provfs_agent.events import FileKey, Kind

_KEPT = 1 << 16


class _Node:
    __slots__ = ("below", "handle", "name", "parent")

    def __init__(self, handle: Handle, parent: _Node | None, name: bytes) -> None:
        self.handle = handle
        self.parent = parent
        self.name = name
        self.below: dict[bytes, _Node] = {}


class Directories:
    """The tree below one root.

    Args:
        handle: That of the root.
        path: Absolute path of the root, without a slash at its end.

    Attributes:
        raw: `Handle.raw` of each of them.
    """

    def __init__(self, handle: Handle, path: bytes) -> None:
        self._root = _Node(handle, None, path)
        self._nodes: dict[Handle, _Node] = {handle: self._root}
        self._paths: dict[Handle, bytes] = {handle: path}
        self.raw = {handle.raw}

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, handle: Handle) -> bool:
        return handle in self._nodes

    @property
    def root(self) -> Handle:
        """The handle of the root."""
        return self._root.handle

    def path(self, handle: Handle) -> bytes | None:
        """Return where a directory is; None where it is not below the root."""
        path = self._paths.get(handle)
        if path is None:
            node = self._nodes.get(handle)
            if node is None:
                return None
            names = []
            while node.parent is not None:
                names.append(node.name)
                node = node.parent
            path = self._paths[handle] = b"/".join((node.name, *reversed(names)))
        return path

    def add(self, handle: Handle, parent: Handle, name: bytes) -> bool:
        """Put a directory below its parent; False where it is known there, or the parent is not.

        A known one is moved with all that is below it.
        """
        above = self._nodes.get(parent)
        if above is None:
            return False
        node = self._nodes.get(handle)
        if node is not None:
            if node.parent is above and node.name == name:
                return False
            self._move(node, above, name)
            return False
        self._displace(above, name)
        node = _Node(handle, above, name)
        above.below[name] = node
        self._nodes[handle] = node
        self.raw.add(handle.raw)
        return True

    def drop(self, handle: Handle) -> list[Handle]:
        """Forget a directory and all below it; return their handles, the deepest last."""
        node = self._nodes.get(handle)
        if node is None or node.parent is None:
            return []
        if node.parent.below.get(node.name) is node:
            del node.parent.below[node.name]
        gone = [found.handle for found in _walk(node)]
        for each in gone:
            del self._nodes[each]
            self.raw.discard(each.raw)
            self._paths.pop(each, None)
        return gone

    def child(self, parent: Handle, name: bytes) -> Handle | None:
        """Return the directory of that name in another; None where none is known."""
        above = self._nodes.get(parent)
        node = above.below.get(name) if above is not None else None
        return node.handle if node is not None else None

    def __iter__(self) -> Iterator[Handle]:
        """Yield every directory, parents first."""
        return (node.handle for node in _walk(self._root))

    def _move(self, node: _Node, above: _Node, name: bytes) -> None:
        if node.parent is None or any(each is node for each in _line(above)):
            return
        if node.parent.below.get(node.name) is node:
            del node.parent.below[node.name]
        self._displace(above, name)
        node.parent, node.name = above, name
        above.below[name] = node
        self._paths = {self._root.handle: self._root.name}

    def _displace(self, above: _Node, name: bytes) -> None:
        """Forget what had the name: its removal was not told, or two were exchanged."""
        old = above.below.get(name)
        if old is not None:
            self.drop(old.handle)


class Names:
    """The present name of each file that was opened lately, as the events tell it.

    The gate reads a path when it takes an event, which for a close is a little late: a program that
    closes a file and renames it at once would be told to have closed one that the story does not
    know yet. Bounded; looks at a file only where two names contradict each other.
    """

    def __init__(self) -> None:
        self._names: OrderedDict[FileKey, str] = OrderedDict()

    def told(self, kind: Kind, path: str, file: FileKey | None, *, is_directory: bool) -> str:
        """Take an event in its order, and return the path to tell it with."""
        if is_directory or file is None:
            if kind in {"rename", "overflow", "gone"}:
                self._names.clear()
            return path
        if kind in {"open", "rename"}:
            self._names[file] = path
            self._names.move_to_end(file)
            if len(self._names) > _KEPT:
                self._names.popitem(last=False)
        elif kind == "delete":
            if self._names.get(file) == path:
                del self._names[file]
        elif kind in {"close_read", "close_write"}:
            known = self._names.get(file, path)
            if known != path and not _names(known, file):
                return known
        return path


def _names(path: str, file: FileKey) -> bool:
    """Say whether a file still has a name; then it has several, and each is told as it was used."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file


def _walk(node: _Node) -> Iterator[_Node]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.below.values())


def _line(node: _Node | None) -> Iterator[_Node]:
    while node is not None:
        yield node
        node = node.parent
