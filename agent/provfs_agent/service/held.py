"""Keep facts in the order of their paths while some of them wait for a digest.

Contract: pure. A fact is open to work when no earlier one shares a path with it, so that a rename
never overtakes the write before it, while facts of other paths pass freely. Not here: what is
waited for, see `provfs_agent.service.contents`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provfs_agent.facts import Fact, Read, Write
    from provfs_agent.known.index import Known


@dataclass(slots=True, eq=False)
class Held:
    """A fact on its way to the journal.

    `place` is where the file is now, `known` what was known of it when its turn came; both count
    for a fact that waits for a digest.
    """

    fact: Fact
    paths: tuple[str, ...]
    ticket: int
    is_started: bool = False
    deadline_ns: int = 0
    place: str = ""
    known: Known | None = None


@dataclass(slots=True)
class Late:
    """A read or write that is in the journal without the digest that is still being found."""

    fact: Read | Write
    place: str


class Queue:
    """Facts that wait, one line for each path."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Held]] = {}
        self._open: deque[Held] = deque()
        self._count = 0

    def __len__(self) -> int:
        """Return how many facts wait."""
        return self._count

    def add(self, held: Held) -> None:
        """Put a fact behind those that share a path with it."""
        self._count += 1
        for path in held.paths:
            self._lines.setdefault(path, deque()).append(held)
        if self._is_first(held):
            self._open.append(held)

    def remove(self, held: Held) -> None:
        """Take out a fact that is done; those behind it may be open now."""
        self._count -= 1
        for path in held.paths:
            line = self._lines[path]
            line.remove(held)
            if not line:
                del self._lines[path]
            elif not line[0].is_started and self._is_first(line[0]):
                self._open.append(line[0])

    def opened(self) -> Iterator[Held]:
        """Yield facts whose turn has come and mark them as started."""
        while self._open:
            held = self._open.popleft()
            if not held.is_started:
                held.is_started = True
                yield held

    def at(self, path: str) -> list[Held]:
        """Return the facts that wait at a path, in order."""
        return list(self._lines.get(path, ()))

    def below(self, directory: str) -> list[Held]:
        """Return the facts that wait at paths below a directory."""
        start = directory.rstrip("/") + "/"
        return [held for path in self._lines if path.startswith(start) for held in self.at(path)]

    def waiting(self) -> list[Held]:
        """Return all facts that wait, each once."""
        return list({id(held): held for line in self._lines.values() for held in line}.values())

    def _is_first(self, held: Held) -> bool:
        return all(self._lines[path][0] is held for path in held.paths)
