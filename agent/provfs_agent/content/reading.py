"""Read a whole file for its digest and leave the page cache as it was found.

Contract: bytes that were in the page cache stay there, bytes that were not do not stay. Memory is
one block, whatever the size of the file. Not here: whether the file stood still, see
`provfs_agent.content.steady`.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from typing import TYPE_CHECKING, NamedTuple

from provfs.digest import new_hasher

if TYPE_CHECKING:
    from collections.abc import Callable

    import xxhash

BLOCK_BYTES = 4 << 20
"""Bytes per read, a multiple of the page size; one such buffer per worker is all the memory."""

_RWF_DONTCACHE = 0x80
"""Source: include/uapi/linux/fs.h; Linux 6.14 and newer, filesystem by filesystem."""

_MAP_FAILED = ctypes.c_void_p(-1).value
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long),
]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_HAS_MINCORE = hasattr(_libc, "mincore")
if _HAS_MINCORE:
    _libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


class Prefix(NamedTuple):
    """The content that a file had before: its first `size_bytes` had this digest, in hex."""

    size_bytes: int
    hexdigest: str


class Content(NamedTuple):
    """What was read: the hasher after the last byte, and whether it began with the prefix."""

    hasher: xxhash.xxh3_128
    size_bytes: int
    has_prefix: bool


class StoppedError(Exception):
    """Reading was called off."""


def read_content(
    descriptor: int,
    prefix: Prefix | None = None,
    stopped: Callable[[], bool] = lambda: False,
    *,
    may_skip_cache: bool = True,
) -> Content:
    """Hash a file from its first byte to its last.

    Args:
        descriptor: Open for reading; the file offset is not used.
        prefix: Look whether the file begins with this content. Costs nothing more.
        stopped: Asked between blocks; True ends the reading.
        may_skip_cache: False reads as on a kernel that cannot read past the page cache.

    Raises:
        OSError: The file cannot be read.
        StoppedError: `stopped` said so.
    """
    hasher = new_hasher()
    view = memoryview(bytearray(BLOCK_BYTES))
    offset = 0
    has_prefix = False
    while True:
        if stopped():
            raise StoppedError
        end = BLOCK_BYTES
        if prefix is not None and offset < prefix.size_bytes:
            end = min(end, prefix.size_bytes - offset)
        got, may_skip_cache = _read(descriptor, view[:end], offset, may_skip_cache=may_skip_cache)
        if not got:
            return Content(hasher, offset, has_prefix)
        hasher.update(view[:got])
        offset += got
        if prefix is not None and offset == prefix.size_bytes:
            has_prefix = hasher.hexdigest() == prefix.hexdigest


def _read(
    descriptor: int, view: memoryview, offset: int, *, may_skip_cache: bool
) -> tuple[int, bool]:
    """Read one block; return its length and whether the kernel can read past the page cache."""
    if may_skip_cache:
        try:
            return os.preadv(descriptor, [view], offset, _RWF_DONTCACHE), True
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
                raise
    absent = _is_absent(descriptor, offset, len(view))
    got = os.preadv(descriptor, [view], offset)
    if got and absent:
        os.posix_fadvise(descriptor, offset, got, os.POSIX_FADV_DONTNEED)
    return got, False


def _is_absent(descriptor: int, offset: int, length: int) -> bool:
    """Say whether no page of this part of a file is in the page cache; False where not known."""
    if not _HAS_MINCORE:
        return False
    start = offset - offset % mmap.PAGESIZE
    length += offset - start
    address = _libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
    if address in {None, _MAP_FAILED}:
        return False
    try:
        pages = ctypes.create_string_buffer(-(-length // mmap.PAGESIZE))
        if _libc.mincore(address, length, pages) != 0:
            return False
        return not any(byte & 1 for byte in pages.raw)
    finally:
        _libc.munmap(address, length)
