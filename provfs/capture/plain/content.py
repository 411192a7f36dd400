"""Follow the bytes of one handle: a digest in the pass where possible, and what was touched.

Contract: pure bookkeeping, no I/O. `Pass.digest(size)` is the digest of the whole content or None:
bytes are hashed once each, in order from the first, and re-reading what was hashed already does no
harm (`numpy.load` and `joblib.load` seek back a little). Ranges are half open, merged and at most
`RANGES_LIMIT`; past that the nearest two are joined, so that ranges can only grow.
Not here: where the bytes come from, see `provfs.capture.plain.raw` and
`provfs.capture.operations.handles`.
"""

from __future__ import annotations

from xxhash import xxh3_128

RANGES_LIMIT = 256


class Pass:
    """The bytes that went through one handle.

    `position` is the offset of the next byte, `hashed` the length of the prefix that the hasher has
    seen, `moved_bytes` the number of bytes transferred, `in_order` False once something was written
    that the hasher could not take in order.
    """

    __slots__ = ("hashed", "hasher", "in_order", "moved_bytes", "position", "ranges")

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.hasher = xxh3_128()
        self.hashed = 0
        self.moved_bytes = 0
        self.in_order = True
        self.ranges: list[tuple[int, int]] = []

    def read(self, data: bytes | bytearray | memoryview, count: int) -> None:
        """Take note of `count` bytes read at the current position."""
        start = self.position
        self.position = end = start + count
        self.moved_bytes += count
        hashed = self.hashed
        if start == hashed:
            self.hasher.update(data)
            self.hashed = end
        elif start > hashed:
            self._add_range(start, end)
        elif end > hashed:
            self.hasher.update(memoryview(data)[hashed - start : count])
            self.hashed = end

    def write(self, data: bytes | bytearray | memoryview, count: int) -> None:
        """Take note of `count` bytes written at the current position."""
        start = self.position
        self.position = start + count
        self.moved_bytes += count
        if start == self.hashed and self.in_order:
            self.hasher.update(data)
            self.hashed = start + count
        else:
            self.in_order = False

    def digest(self, size_bytes: int) -> str | None:
        """Return the digest as text if exactly `size_bytes` were hashed in order, else None."""
        if self.hashed != size_bytes or not self.in_order:
            return None
        return f"xxh3-128:{self.hasher.hexdigest()}"

    def touched(self, size_bytes: int) -> tuple[tuple[int, int], ...] | None:
        """Return the ranges that were read; None where that is the whole content."""
        if self.hashed >= size_bytes:
            return None
        if self.hashed:
            self._add_range(0, self.hashed)
        if len(self.ranges) == 1 and self.ranges[0] == (0, size_bytes):
            return None
        return tuple(self.ranges)

    def _add_range(self, start: int, end: int) -> None:
        if end > start:
            merge_range(self.ranges, start, end)


def merge_range(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    """Add a half-open range to a sorted list of disjoint ones, in place."""
    low = 0
    high = len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < start:
            low = middle + 1
        else:
            high = middle
    last = low
    while last < len(ranges) and ranges[last][0] <= end:
        start = min(start, ranges[last][0])
        end = max(end, ranges[last][1])
        last += 1
    ranges[low:last] = [(start, end)]
    if len(ranges) > RANGES_LIMIT:
        gaps = [ranges[i + 1][0] - ranges[i][1] for i in range(len(ranges) - 1)]
        nearest = gaps.index(min(gaps))
        ranges[nearest : nearest + 2] = [(ranges[nearest][0], ranges[nearest + 1][1])]
