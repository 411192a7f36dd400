"""Say whether the preload library can be in a program, before `provfs run` starts it.

Contract: the rules are those of `why_blind` in `images.c`, which looks at all that the program
starts; a test holds the two against each other. Source: elf(5); ld.so(8) on secure execution.
"""

from __future__ import annotations

import io
import os
import sys

_SCRIPTS_DEEP = 4
_SET_USER, _SET_GROUP = 0o4000, 0o2010  # the latter without the right to execute means locking
_ELF_64, _PT_INTERP = 2, 3
_MACHINES = {"x86_64": 62, "aarch64": 183}


def blind(path: str, depth: int = 0) -> str | None:
    """Return why the library cannot be in a program, None where it can or nobody may look.

    Loaders of other C libraries refuse to start with it, so that such programs must not be given
    it. The same rules as `why_blind` in `images.c`.
    """
    try:
        with io.FileIO(path) as file:
            stat, head = os.fstat(file.fileno()), file.read(4096)
            if (stat.st_mode & _SET_USER and stat.st_uid != os.getuid()) or (
                stat.st_mode & _SET_GROUP == _SET_GROUP and stat.st_gid != os.getgid()
            ):
                return "set-user-id"
            if head[:2] == b"#!" and depth < _SCRIPTS_DEEP:
                words = head[2:].split(b"\n", 1)[0].split()
                return blind(os.fsdecode(words[0]), depth + 1) if words else None
            return _blind_elf(head) if head[:4] == b"\x7fELF" else None
    except (OSError, ValueError):
        return None


def _blind_elf(head: bytes) -> str | None:
    own = _MACHINES.get(os.uname().machine)
    if head[4] != _ELF_64 or own not in {None, int.from_bytes(head[18:20], sys.byteorder)}:
        return "built for another kind of machine"

    def number(at: int, size: int) -> int:
        return int.from_bytes(head[at : at + size], sys.byteorder)

    table, size, count = number(32, 8), number(54, 2), number(56, 2)
    for part in range(table, table + size * count, size):
        if number(part, 4) == _PT_INTERP:
            loader = head[number(part + 8, 8) :][: number(part + 32, 8)]
            return None if b"/ld-linux" in loader or not loader else "of another C library"
    return "statically linked" if table + size * count <= len(head) else None
