"""Read the one object of git that is needed: the commit, for the tree that it holds.

Contract: loose objects, and whole ones in packs; None for what is stored as a difference, lies in
another repository, is torn, or is not there. Source: gitformat-pack(5).
"""

from __future__ import annotations

import os
import zlib

from provfs.capture.identity.origin import read_small

_LARGEST_LOOSE_BYTES = 1 << 20
_LARGEST_NAMES_BYTES = 64 << 20
_LARGEST_COMMIT_BYTES = 1 << 16
_MOST_PACKS = 4_000
_COMMIT = 1
_HASH_BYTES = 20
_FAN_OUT = 8 + 256 * 4
_FAR = 0x80000000


def tree_of_commit(common: str, commit: str) -> bytes | None:
    """Return the name of the tree of a commit in a git directory."""
    name = bytes.fromhex(commit)
    if len(name) != _HASH_BYTES:
        return None
    packed = read_small(f"{common}/objects/{commit[:2]}/{commit[2:]}", _LARGEST_LOOSE_BYTES)
    try:
        content = _unpacked(packed).partition(b"\0")[2] if packed else _in_packs(common, name)
    except zlib.error:
        return None
    if content is None or sha1(b"commit %d\0" % len(content) + content) != name:
        return None
    return bytes.fromhex(content[5:45].decode("ascii"))


def sha1(content: bytes) -> bytes:
    """Return the digest by which git names objects."""
    from hashlib import sha1 as digest  # noqa: PLC0415 - costs 5 ms

    return digest(content, usedforsecurity=False).digest()


def _in_packs(common: str, name: bytes) -> bytes | None:
    directory = f"{common}/objects/pack"
    try:
        names = os.listdir(directory)
    except OSError:
        return None
    for file in sorted(names)[:_MOST_PACKS]:
        if file.endswith(".idx"):
            offset = _offset(f"{directory}/{file}", name)
            if offset is not None:
                return _whole_commit(f"{directory}/{file[:-4]}.pack", offset)
    return None


def _offset(path: str, name: bytes) -> int | None:
    """Return where a pack has an object, by its index of version 2, read in pieces."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        head = os.pread(descriptor, _FAN_OUT, 0)
        if head[:8] != b"\xfftOc\x00\x00\x00\x02":
            return None

        def below(byte: int) -> int:
            return int.from_bytes(head[8 + 4 * byte : 12 + 4 * byte]) if byte >= 0 else 0

        low, high, count = below(name[0] - 1), below(name[0]), below(255)
        size = (high - low) * _HASH_BYTES
        if size > _LARGEST_NAMES_BYTES:
            return None
        names = os.pread(descriptor, size, _FAN_OUT + low * _HASH_BYTES)
        at = names.find(name)
        while at >= 0 and at % _HASH_BYTES:
            at = names.find(name, at + 1)
        if at < 0:
            return None
        place = low + at // _HASH_BYTES
        near = os.pread(descriptor, 4, _FAN_OUT + count * (_HASH_BYTES + 4) + 4 * place)
        offset = int.from_bytes(near)
        if offset & _FAR:
            far = _FAN_OUT + count * (_HASH_BYTES + 8) + 8 * (offset & ~_FAR)
            offset = int.from_bytes(os.pread(descriptor, 8, far))
        return offset
    finally:
        os.close(descriptor)


def _whole_commit(path: str, offset: int) -> bytes | None:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        data = os.pread(descriptor, _LARGEST_COMMIT_BYTES, offset)
    finally:
        os.close(descriptor)
    if (data[0] >> 4) & 7 != _COMMIT:
        return None
    at = 0
    while data[at] & 0x80:
        at += 1
    return _unpacked(data[at + 1 :])


def _unpacked(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _LARGEST_COMMIT_BYTES)
