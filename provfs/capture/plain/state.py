"""The state of a local file: its fingerprint, real path and digest, through an open descriptor.

Contract: nothing here moves the offset of a descriptor or opens a file in a way that is captured.
A digest is that of bytes that stayed still while they were hashed, or there is none.
Not here: when a state is looked at, see `provfs.capture.plain.reading` and `writing`.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from provfs.capture.recorder import Recorder

SMALL_BYTES = 1 << 20
"""A file up to this size that was read in part is hashed at close: 0.1 ms, once per version."""

_PRELOAD = "libprovfs_preload.so"
"""As `provfs.capture.preload.NAME`, without its import."""

_LARGEST_LOCKS_BYTES = 1 << 20
_PLACE = 5
"""Which field of `/proc/locks` names the file."""


def stat_tuple(stat: os.stat_result) -> tuple[int, ...]:
    """Return (device, inode, size_bytes, mtime_ns, ctime_ns)."""
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def fingerprint_text(stat: tuple[int, ...]) -> str:
    """Return the text form of a local fingerprint."""
    return f"stat:{stat[0]}:{stat[1]}:{stat[2]}:{stat[3]}:{stat[4]}"


def real_path(descriptor: int, path: str | bytes | int) -> str:
    """Return the path of an open file with all symbolic links resolved."""
    if sys.platform == "linux":
        return os.readlink(f"/proc/self/fd/{descriptor}")
    return os.path.realpath(os.fsdecode(path)) if not isinstance(path, int) else ""


def has_foreign_preload() -> bool:
    """Say whether a library of somebody else may stand between the job and `open` of the C library.

    Such a library can make a path mean another file, as fakechroot does; it has to be asked.
    """
    entries = os.environ.get("LD_PRELOAD", "").replace(" ", ":").split(":")
    return any(entry and not entry.endswith(f"/{_PRELOAD}") for entry in entries)


def holds_lock(inode: int) -> bool:
    """Say whether this process holds a lock of fcntl(2) on a file.

    It would lose it with the first descriptor of that file that is closed, ours included.
    Source: fcntl_locking(2), proc_locks(5).
    """
    from provfs.capture.identity.origin import read_small  # noqa: PLC0415 - rare

    wanted = os.getpid(), inode
    for row in (read_small("/proc/locks", _LARGEST_LOCKS_BYTES) or b"").splitlines():
        fields = row.split()
        if len(fields) > _PLACE and fields[1] == b"POSIX" and fields[4].isdigit():
            found = int(fields[4]), int(fields[_PLACE].rpartition(b":")[2])
            if found == wanted:
                return True
    return False


def hash_of(
    recorder: Recorder, descriptor: int, *, readable: bool, limit_bytes: int | None = None
) -> Any:
    """Return a hasher over the content behind a descriptor; None where it cannot be read."""
    from provfs.digest import hash_descriptor  # noqa: PLC0415 - not needed by handles that are read in order

    if readable:
        return hash_descriptor(descriptor, limit_bytes)
    ident = get_ident()
    recorder.busy.add(ident)
    try:
        other = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    finally:
        recorder.busy.discard(ident)
    try:
        return hash_descriptor(other, limit_bytes)
    finally:
        os.close(other)


def hash_still(
    recorder: Recorder, descriptor: int, expected: tuple[int, ...], *, readable: bool
) -> tuple[str | None, str | None]:
    """Return (digest, None) of a file that stays still while it is hashed, else (None, reason)."""
    hasher = hash_of(recorder, descriptor, readable=readable)
    if hasher is None:
        return None, "not readable for this user"
    if stat_tuple(os.fstat(descriptor)) != expected:
        return None, "the file changed while it was hashed"
    return f"xxh3-128:{hasher.hexdigest()}", None
