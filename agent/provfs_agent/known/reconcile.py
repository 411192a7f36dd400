"""Compare two snapshots of a tree: what is known, and what is on the disk.

Contract: pure; both are read once, in step, in the order of the bytes of their paths, and never
held. Equal fingerprints are equal files. Not here: what is concluded for a difference, see
`provfs_agent.service.catchup`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provfs.model import Fingerprint


class Difference(NamedTuple):
    """A path whose state differs: None stands for no file."""

    path: str
    known: Fingerprint | None
    found: Fingerprint | None


def differences(
    known: Iterable[tuple[str, Fingerprint]], found: Iterable[tuple[str, Fingerprint]]
) -> Iterator[Difference | None]:
    """Yield what differs, and None for each path that does not, so that a caller can pause.

    Args:
        known: Path and fingerprint, ordered by `os.fsencode(path)`, each path once.
        found: Likewise.
    """
    left, right = iter(known), iter(found)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and _before(one, other)):
            assert one is not None  # noqa: S101 - the loop ends otherwise
            yield Difference(one[0], one[1], None)
            one = next(left, None)
        elif one is None or _before(other, one):
            yield Difference(other[0], None, other[1])
            other = next(right, None)
        else:
            yield Difference(one[0], one[1], other[1]) if one[1] != other[1] else None
            one, other = next(left, None), next(right, None)


def _before(one: tuple[str, Fingerprint], other: tuple[str, Fingerprint]) -> bool:
    return os.fsencode(one[0]) < os.fsencode(other[0])
