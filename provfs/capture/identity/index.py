"""Read git's index, versions 2 to 4, and compute the tree that would be committed from it.

Contract: pure; raises ValueError or IndexError for what is no index or has a required extension
that is not known. Source: gitformat-index(5).
"""

from __future__ import annotations

from _struct import Struct

from provfs.capture.identity.objects import sha1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = Struct(">4sII")
_FIXED = Struct(">IIIIIIIIII20sH")
_EXTENSION = Struct(">4sI")
_EXTENDED = 0x4000
_ASSUMED_VALID = 0x8000
_SKIPPED = 0x4000
_INTENDED = 0x2000
_VERSIONS = (2, 3, 4)
_PREFIXED = 4
_HASH_BYTES = 20
_TREE = 0o040000
_CHECK_EVERY = 256

_Tree = dict[bytes, "tuple[int, bytes] | _Tree"]


class Entry:
    """One tracked file; times and size are those of the file when it was added.

    `unchecked` where git itself does not look at the file.
    """

    __slots__ = ("mode", "nanoseconds", "object", "path", "seconds", "size", "stage", "unchecked")

    def __init__(
        self,
        path: bytes,
        mode: int,
        object_: bytes,
        size: int,
        seconds: int,
        nanoseconds: int,
        stage: int,
        *,
        unchecked: bool,
    ) -> None:
        self.path = path
        self.mode = mode
        self.object = object_
        self.size = size
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.stage = stage
        self.unchecked = unchecked


def read_index(content: bytes, is_late: Callable[[], bool]) -> tuple[list[Entry], bytes | None]:
    """Read an index; return its entries, and the tree of all of them where the index names it.

    Raises:
        ValueError: It is none, or one that cannot be understood here, or it took too long.
    """
    signature, version, count = _HEADER.unpack_from(content)
    if signature != b"DIRC" or version not in _VERSIONS:
        msg = "not an index of git, or of a version that is not known"
        raise ValueError(msg)
    entries: list[Entry] = []
    at, previous = _HEADER.size, b""
    for number in range(count):
        if number % _CHECK_EVERY == 0:
            _check(is_late)
        _, _, seconds, nanoseconds, _, _, mode, _, _, size, object_, flags = _FIXED.unpack_from(
            content, at
        )
        begin, more = at, 0
        at += _FIXED.size
        if flags & _EXTENDED:
            more = int.from_bytes(content[at : at + 2])
            at += 2
        if version == _PREFIXED:
            drop, at = _number(content, at)
            end = content.index(0, at)
            path = previous[: len(previous) - drop] + content[at:end]
            at = end + 1
        else:
            end = content.index(0, at)
            path = content[at:end]
            at = begin + ((end - begin) // 8 + 1) * 8
        unchecked = bool(flags & _ASSUMED_VALID or more & _SKIPPED)
        stage = (flags >> 12) & 3 or (4 if more & _INTENDED else 0)
        entry = Entry(path, mode, object_, size, seconds, nanoseconds, stage, unchecked=unchecked)
        entries.append(entry)
        previous = path
    return entries, _tree_in_extensions(content, at)


def _check(is_late: Callable[[], bool]) -> None:
    if is_late():
        msg = "too many files for the time that there is"
        raise ValueError(msg)


def tree_of(entries: list[Entry], is_late: Callable[[], bool]) -> bytes:
    """Return the name of the tree object that holds exactly these entries.

    Raises:
        ValueError: It took too long.
    """
    tree: _Tree = {}
    for number, entry in enumerate(entries):
        if number % _CHECK_EVERY == 0:
            _check(is_late)
        *above, name = entry.path.rstrip(b"/").split(b"/")
        directory = tree
        for part in above:
            below = directory.setdefault(part, {})
            if not isinstance(below, dict):
                msg = "a file and a directory of one name"
                raise ValueError(msg)  # noqa: TRY004 - what is wrong is the index
            directory = below
        directory[name] = (entry.mode, entry.object)
    return _hashed(tree, is_late)


def _hashed(directory: _Tree, is_late: Callable[[], bool]) -> bytes:
    _check(is_late)
    rows: list[tuple[bytes, bytes]] = []
    for name, content in directory.items():
        if isinstance(content, dict):
            rows.append((name + b"/", b"40000 %s\0%s" % (name, _hashed(content, is_late))))
        else:
            mode, object_ = content
            key = name + b"/" if mode == _TREE else name
            rows.append((key, b"%o %s\0%s" % (mode, name, object_)))
    body = b"".join(row for _, row in sorted(rows))
    return sha1(b"tree %d\0" % len(body) + body)


def _tree_in_extensions(content: bytes, at: int) -> bytes | None:
    """Return the name of the whole tree where the cached trees are valid up to the top."""
    tree = None
    end = len(content) - _HASH_BYTES
    while at + _EXTENSION.size <= end:
        name, size = _EXTENSION.unpack_from(content, at)
        at += _EXTENSION.size
        if name == b"TREE":
            path_end = content.index(0, at)
            line_end = content.index(b"\n", path_end)
            if int(content[path_end + 1 : line_end].split()[0]) >= 0:
                tree = content[line_end + 1 : line_end + 1 + _HASH_BYTES]
        elif name[:1].islower() and name != b"sdir":
            msg = f"the index needs the extension {name!r}"
            raise ValueError(msg)
        at += size
    return tree


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Read a variable-width number as the pack format has it; return it and where it ends."""
    byte = content[at]
    at += 1
    value = byte & 0x7F
    while byte & 0x80:
        byte = content[at]
        at += 1
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, at
