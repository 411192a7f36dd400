"""Digests of whole files: right, or absent."""

from __future__ import annotations

import os

import pytest
import xxhash

from provfs import digest
from provfs.digest import BLOCK_BYTES, digest_of_bytes, fingerprint_of, hash_file


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 17]
)
def test_hash_file_equals_the_hash_of_all_its_bytes(tmp_path, size):
    """However the size falls on the blocks, the digest is that of the content."""
    content = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(content)

    hashed = hash_file(str(path))

    assert hashed is not None
    assert hashed[0].hexdigest == xxhash.xxh3_128_hexdigest(content)
    assert hashed[0] == digest_of_bytes(content)
    assert hashed[1] == fingerprint_of(path.stat())


def test_hash_file_gives_nothing_for_a_file_that_changed_since(tmp_path):
    """A file that is not any more what was expected has no digest to give."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    expected = fingerprint_of(path.stat())
    path.write_bytes(b"three")

    assert hash_file(str(path), expected) is None


def test_hash_file_gives_nothing_for_a_file_that_changes_meanwhile(tmp_path, monkeypatch):
    """A digest of a mixture is never given."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    hash_descriptor = digest.hash_descriptor

    def change_then_hash(descriptor):
        path.write_bytes(b"y" * 101)
        return hash_descriptor(descriptor)

    monkeypatch.setattr(digest, "hash_descriptor", change_then_hash)

    assert hash_file(str(path)) is None


def test_hash_file_gives_nothing_for_what_is_no_readable_regular_file(tmp_path):
    """Directories, pipes and missing files are not hashed, and nothing waits for a writer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert hash_file(str(tmp_path)) is None
    assert hash_file(str(pipe)) is None
    assert hash_file(str(tmp_path / "missing")) is None


def test_hash_descriptor_leaves_the_offset_alone(tmp_path):
    """Hashing behind a program's back does not move its place in the file."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb", buffering=0) as file:
        file.seek(4)

        digest.hash_descriptor(file.fileno(), 5)

        assert file.read() == b"456789"
