"""Compute digests: while bytes stream by, or of a whole local file that must stay still meanwhile.

Contract: a digest is that of the stored bytes or there is none; a file that changed between the
first and the last byte gives `None`, never a digest of a mixture. Not here: the text form, see
`provfs.model.Digest`.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import xxhash

from provfs.model import DIGEST_ALGORITHM, Digest, Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_BYTES = 1 << 20
"""Read size when a whole file is hashed. Source: `benchmarks/bench_wrapper.py`; xxh3 levels off at
256 KiB."""

_ROOT = "/proc/self/root" if os.path.isdir("/proc/self/root/") else ""
"""Put before a path so that capture does not see it: nothing under `/proc` is in scope."""

new_hasher: Callable[[], xxhash.xxh3_128] = xxhash.xxh3_128


def digest_of(hasher: xxhash.xxh3_128) -> Digest:
    """Return the digest of all bytes that the hasher has seen; it can go on afterwards."""
    return Digest(DIGEST_ALGORITHM, hasher.hexdigest())


def digest_of_bytes(data: bytes | bytearray | memoryview) -> Digest:
    """Return the digest of one piece of content."""
    return Digest(DIGEST_ALGORITHM, xxhash.xxh3_128_hexdigest(data))


def fingerprint_of(result: os.stat_result) -> Fingerprint:
    """Return the fingerprint that a stat result stands for."""
    return Fingerprint(
        result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns
    )


def hash_descriptor(descriptor: int, limit_bytes: int | None = None) -> xxhash.xxh3_128:
    """Hash a file from its first byte by positional reads; the file offset stays where it is.

    Args:
        descriptor: Open for reading.
        limit_bytes: Hash this many bytes at most; None for all.
    """
    hasher = new_hasher()
    buffer = bytearray(BLOCK_BYTES)
    view = memoryview(buffer)
    offset = 0
    while limit_bytes is None or offset < limit_bytes:
        wanted = BLOCK_BYTES if limit_bytes is None else min(BLOCK_BYTES, limit_bytes - offset)
        got = os.preadv(descriptor, [view[:wanted]], offset)
        if not got:
            break
        hasher.update(view[:got])
        offset += got
    return hasher


def hash_file(path: str, expected: Fingerprint | None = None) -> tuple[Digest, Fingerprint] | None:
    """Hash a whole regular file that stays still meanwhile.

    Args:
        path: Absolute local path; symbolic links are followed.
        expected: Hash only if the file still has this fingerprint.

    Returns:
        The digest and the fingerprint that held before and after reading; None where the file is
        gone, unreadable, not regular, differs from `expected`, or changed while it was read.
    """
    try:
        descriptor = os.open(_ROOT + path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        before = fingerprint_of(os.fstat(descriptor))
        if not _is_regular(descriptor) or (expected is not None and before != expected):
            return None
        hasher = hash_descriptor(descriptor)
        after = fingerprint_of(os.fstat(descriptor))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return (digest_of(hasher), before) if before == after else None


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
