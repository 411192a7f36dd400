"""Hashing in the pass against hashing at once."""

from __future__ import annotations

import itertools
import random

import pytest
import xxhash

from provfs.capture.plain.content import RANGES_LIMIT, Pass, merge_range


def text(content: bytes) -> str:
    return f"xxh3-128:{xxhash.xxh3_128_hexdigest(content)}"


@pytest.mark.parametrize(
    "size", [0, 1, 15, 16, 17, 240, 241, 1024, 4095, 4096, 4097, 65537, 1 << 20]
)
@pytest.mark.parametrize("step", [1, 7, 1000, 8192])
def test_pass_in_pieces_equals_hash_at_once(size: int, step: int) -> None:
    """However the bytes arrive, the digest is that of the whole content."""
    content = random.Random(size).randbytes(size)  # noqa: S311 - test data
    step = max(step, size // 2000)
    seen = Pass()

    for start in range(0, size, step):
        piece = content[start : start + step]
        seen.read(piece, len(piece))

    assert seen.digest(size) == text(content)
    assert seen.touched(size) is None


def test_pass_survives_reading_a_part_again() -> None:
    """A small step back, as numpy and joblib do it, costs no digest."""
    content = bytes(range(256)) * 10
    seen = Pass()
    seen.read(content[:100], 100)
    seen.position = 20

    seen.read(content[20:], len(content) - 20)

    assert seen.digest(len(content)) == text(content)


def test_pass_with_a_hole_has_ranges_and_no_digest() -> None:
    """What was skipped is neither hashed nor reported as read."""
    seen = Pass()
    seen.read(b"a" * 10, 10)
    seen.position = 50
    seen.read(b"b" * 10, 10)

    assert seen.digest(100) is None
    assert seen.touched(100) == ((0, 10), (50, 60))


def test_pass_that_rewrites_has_no_digest() -> None:
    """Bytes that are written over are not hashed in the pass."""
    seen = Pass()
    seen.write(b"abc", 3)
    seen.position = 0
    seen.write(b"X", 1)

    assert seen.digest(3) is None


def test_ranges_stay_merged_sorted_and_bounded() -> None:
    """Ranges are disjoint, cover all that was added, and are limited in number."""
    source = random.Random(1)  # noqa: S311 - test data
    ranges: list[tuple[int, int]] = []
    covered = set()

    for _ in range(2000):
        start = source.randrange(100_000)
        merge_range(ranges, start, start + 5)
        covered.update(range(start, start + 5))

    assert len(ranges) <= RANGES_LIMIT
    assert all(left[1] < right[0] for left, right in itertools.pairwise(ranges))
    assert all(any(a <= point < b for a, b in ranges) for point in list(covered)[:300])
