"""Bring the index up to date with the disk, a little at a time, while events go on arriving.

Contract: begins after the roots are marked, so that what changes during the scan makes events.
A difference is only a reason to look at a path; what is true is decided when its turn
comes, against the index as it is then. Nothing counts as removed that cannot be looked for.
`step` returns soon.
Not here: the comparison itself, see `provfs_agent.known.reconcile`; what a looked-at file turns out
to hold, see `provfs_agent.service.contents`.
"""

from __future__ import annotations

import heapq
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from provfs_agent.events import clock_ns
from provfs_agent.facts import Fact, Remove, Rename, Write
from provfs_agent.known.index import UNKNOWN
from provfs_agent.known.reconcile import Difference, differences
from provfs_agent.known.scan import files_below, is_gone, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provfs.model import Fingerprint
    from provfs_agent.known.index import Index

LATER_NS = 2_500_000_000
"""How much later a path is looked at again: longer than an event takes to become a fact."""

_PATHS_PER_STEP = 500


class CatchUp:
    """What has still to be looked at.

    Args:
        index: What is known.
        take: Told what was found.
        is_busy: Says of a path that events will tell of it.
        skip: Says of a directory that nothing below it is watched.
        complete_ns: Says until when all that happened has been seen, up to the moment it is given.
    """

    def __init__(
        self,
        index: Index,
        take: Callable[[Fact], None],
        is_busy: Callable[[str], bool],
        skip: Callable[[str], bool],
        complete_ns: Callable[[int], int] = lambda wanted_ns: wanted_ns,
    ) -> None:
        self._index = index
        self._take = take
        self._is_busy = is_busy
        self._skip = skip
        self._complete_ns = complete_ns
        self._scans: deque[str] = deque()
        self._running: Iterator[Difference | None] | None = None
        self._gone: list[str] = []
        self._looked: list[tuple[str, Fingerprint | None]] = []
        self._looked_ns = 0
        self._later: list[tuple[int, str]] = []
        self._wanted = 0
        self._doubts: set[str] = set()
        self.compared = 0
        self._unreadable: list[str] = []

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do, now or later."""
        return not (self.is_scanning or self.waiting)

    @property
    def has_doubts(self) -> bool:
        """Whether paths wait of which the index may not know what the journal was told."""
        return bool(self._doubts)

    @property
    def is_scanning(self) -> bool:
        """Whether a tree is being compared, or has to be."""
        return self._running is not None or bool(self._scans)

    @property
    def waiting(self) -> int:
        """How many paths have to be looked at, as far as is known by now."""
        return self._wanted + len(self._later) + len(self._looked) + len(self._gone)

    def scan(self, directory: str) -> None:
        """Compare a tree with what is known of it, soon."""
        if directory not in self._scans:
            self._scans.append(directory)

    def is_away(self, root: str) -> bool:
        """Say whether a root is an empty directory where another filesystem was known to be."""
        known = (it.fingerprint for _, it in self._index.below(root))
        first = next((each for each in known if each != UNKNOWN), None)
        if first is None:
            return False
        with suppress(OSError):
            is_other = os.path.ismount(root) or os.stat(root).st_dev != first.device
            return is_other and not os.listdir(root)
        return False

    def take_unreadable(self) -> list[str]:
        """Return the directories that the last comparisons could not read, when they have ended."""
        found: list[str] = []
        if not self.is_scanning:
            found, self._unreadable = self._unreadable, found
        return found

    def doubt(self, path: str) -> None:
        """Look at a path of which the index may not know what the journal was told."""
        self._doubts.add(path)
        self._want(path)

    def look_again(self, path: str) -> None:
        """Look at a path, or at what is below it, a little later."""
        heapq.heappush(self._later, (clock_ns() + LATER_NS, path))

    def step(self, now_ns: int, free: int) -> bool:
        """Do a little; return whether there is more to do at once.

        Args:
            now_ns: The clock of events.
            free: How many files may be handed on, so that those who hash them keep up.
        """
        while self._later and self._later[0][0] <= now_ns:
            path = heapq.heappop(self._later)[1]
            if os.path.isdir(path) and not os.path.islink(path):
                self.scan(path)
            else:
                self._want(path)
        self._compare()
        if self._looked:
            if self._complete_ns(self._looked_ns) < self._looked_ns:
                return False
            looked, self._looked = self._looked, []
            for path, state in looked:
                self._judge(path, state, now_ns)
        if not self._wanted and self._running is None:
            gone, self._gone = self._gone, []
            for path in gone:
                self._want(path)
        if self._wanted and free > 0:
            paths = self._index.take_wanted(min(free, _PATHS_PER_STEP))
            self._wanted = max(0, self._wanted - len(paths)) if paths else 0
            self._looked = [(path, state_of(path)) for path in paths]
            self._looked_ns = clock_ns()
        return self.is_scanning or bool(self._looked) or (self._wanted > 0 and free > 0)

    def _compare(self) -> None:
        if self._running is None:
            if not self._scans:
                return
            directory = self._scans.popleft()
            known = (  # a digest that an agent which was killed still owed is found by this
                (path, it.fingerprint if it.digest is not None else UNKNOWN)
                for path, it in self._index.below(directory)
            )
            found = files_below(directory, self._skip, self._on_error)
            self._running = differences(known, found)
        for _ in range(_PATHS_PER_STEP):
            try:
                difference = next(self._running)
            except StopIteration:
                self._running = None
                return
            self.compared += 1
            if difference is not None:
                self._note(difference)

    def _note(self, difference: Difference) -> None:
        if difference.found is None:
            self._gone.append(difference.path)
        else:
            self._want(difference.path)

    def _old_name(self, found: Fingerprint) -> str | None:
        """Return the name that a file had before it was moved while nobody watched."""
        for name in self._index.names_of(found):
            known = self._index.get(name)
            if known is not None and known.fingerprint[:4] == found[:4] and is_gone(name):
                return name
        return None

    def _judge(self, path: str, state: Fingerprint | None, now_ns: int) -> None:
        """Take what was found at a path, where no event that came meanwhile tells of it."""
        if self._is_busy(path) or state_of(path) != state:
            self.look_again(path)
            return
        known = self._index.get(path)
        if state is None:
            if (known is not None or path in self._doubts) and is_gone(path):
                self._take(Remove(path, now_ns, None, is_doubtful=True))
        elif known is None and (old := self._old_name(state)):
            self._take(Rename(old, path, now_ns, None, state))
        elif known is None or known.fingerprint != state or known.digest is None:
            self._take(Write(path, now_ns, now_ns, None, state, sure=False))
        self._doubts.discard(path)

    def _want(self, path: str) -> None:
        self._index.want(path)
        self._wanted += 1

    def _on_error(self, error: OSError) -> None:
        self._unreadable.append(os.fsdecode(error.filename or ""))
