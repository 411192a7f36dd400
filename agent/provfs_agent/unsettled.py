"""A file that something is happening to, and how long to wait for the end of it.

Not here: what follows from an event, see `provfs_agent.settle`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from provfs_agent.facts import Read, Remove, Write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provfs_agent.events import Actor, FileKey, ProcessKey
    from provfs_agent.facts import Fact


class Quiet(NamedTuple):
    """How long nothing may happen to a file before it counts as settled, in nanoseconds.

    Attributes:
        closed_ns: After it was closed by its writer.
        silent_ns: After it appeared or changed without having been seen open.
        open_ns: After it changed while somebody holds it open.
    """

    closed_ns: int = 100_000_000
    silent_ns: int = 2_000_000_000
    open_ns: int = 60_000_000_000


class Sign(NamedTuple):
    """That a file is new, or has changed: since when, when last, and by whom."""

    first_ns: int
    last_ns: int
    actor: Actor | None


@dataclass(slots=True)
class Closed:
    """An opening for writing that was closed, and what belongs to it.

    It waits, because the channel of changes can lag behind that of closes: who wrote is only
    certain when everything until its close has been told.

    Attributes:
        write: As it will be told.
        hands: Who has changed the file meanwhile, in order.
        due_ns: When it is told.
        reads: What was read of it since then; told after it.
    """

    write: Write
    hands: dict[ProcessKey, Actor]
    due_ns: int
    reads: list[Read] = field(default_factory=list)

    def has_hand(self, actor: Actor) -> bool:
        """Say whether a process is known to have changed the file, or to have opened it."""
        return actor.process in self.hands or same_process(self.write.actor, actor)

    def can_have_started(self, actor: Actor) -> bool:
        """Say whether its opener has started a process, which then has its descriptors."""
        return self.write.actor is not None and self.write.actor.process in actor.ancestors


@dataclass(slots=True)
class ActiveFile:
    """What is known of a path that something is happening to.

    Attributes:
        opens: When and by whom it was opened, for each opening that was not closed yet.
        closed: What was closed and waits, in order; the last may be renamed at once.
        created: That the name is new.
        changed: That its content changed and no close was seen since.
        key: Which file stands there.
        removed: That it has no name any more although somebody holds it open.
        hands: Who has changed it since it was opened, in order.
        due_ns: When it is looked at again.
    """

    opens: list[tuple[int, Actor | None]] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    created: Sign | None = None
    changed: Sign | None = None
    key: FileKey | None = None
    removed: Remove | None = None
    hands: dict[ProcessKey, Actor] = field(default_factory=dict)
    due_ns: int = 0

    @property
    def signs(self) -> list[Sign]:
        """That it is new, or has changed, since it was closed last."""
        return [sign for sign in (self.created, self.changed) if sign is not None]

    @property
    def has_signs(self) -> bool:
        """Whether there are any."""
        return self.created is not None or self.changed is not None

    @property
    def last(self) -> Closed | None:
        """What was closed last and waits."""
        return self.closed[-1] if self.closed else None

    @property
    def told_ns(self) -> int:
        """When the first of what was closed is told; there must be one.

        Those that were looked at in one state are told together: which of them it is of is certain
        when everything until the last of them has been told.
        """
        return max(each.due_ns for each in self._in_one_state())

    def take_closed(self) -> list[Fact]:
        """Take out the first of what was closed, and return what is told of it."""
        alike = self._in_one_state()
        first = self.closed.pop(0)
        if any(each.write.sure for each in alike[1:]):  # it was looked at too late
            first.write = replace(first.write, state=None)
        return [*by_hands(first.write, first.hands), *first.reads]

    def _in_one_state(self) -> list[Closed]:
        state = self.closed[0].write.state
        alike = takewhile(lambda each: each.write.state == state, self.closed)
        return self.closed[:1] if state is None else list(alike)

    @property
    def temporary(self) -> Closed | None:
        """What made it, where nobody else has used it, so that its name may not be its last."""
        only = self.closed[0] if len(self.closed) == 1 else None
        return only if only is not None and only.write.created and not only.reads else None

    @property
    def is_worth_telling(self) -> bool:
        """Whether what was closed is told although its name is gone before it was due."""
        return any(each.write.actor is not None or each.reads for each in self.closed)

    def changed_by(self, actor: Actor | None) -> Closed | None:
        """Return what was closed already that a change belongs to; None where it is newer."""
        if actor is None:
            return None if self.opens else self.last
        openers = [opener for _, opener in self.opens if opener is not None]
        if any(actor.process == opener.process for opener in openers):
            return None
        hands = (each for each in reversed(self.closed) if each.has_hand(actor))
        if (found := next(hands, None)) is not None:
            return found
        if any(opener.process in actor.ancestors for opener in openers):
            return None
        started = (each for each in reversed(self.closed) if each.can_have_started(actor))
        return next(started, None if self.opens else self.last)

    @property
    def is_idle(self) -> bool:
        """Whether nothing has to be remembered of it."""
        return not (self.opens or self.closed or self.created or self.changed)


def same_process(one: Actor | None, other: Actor | None) -> bool:
    """Say whether two events are of one process, or both of nobody known."""
    if one is None or other is None:
        return one is other
    return one.process == other.process


def can_be_of(opener: Actor | None, closer: Actor | None) -> bool:
    """Say whether an opening can belong to a close."""
    return opener is None or (closer is not None and opener.process == closer.process)


def only_opener(file: ActiveFile) -> Actor | None:
    """Return the process that holds a file open, where it is known and only one."""
    openers = {actor.process: actor for _, actor in file.opens if actor is not None}
    return next(iter(openers.values())) if len(openers) == 1 else None


def by_hands(write: Write, hands: dict[ProcessKey, Actor]) -> Iterator[Fact]:
    """Yield a write as the writes of those who wrote, who are not always the one who opened.

    A shell opens the output and its commands write it, one after the other by one descriptor: each
    goes on with what the one before has left. The opener itself counts only in a new file, because
    the cut of an old one at its opening is a change as well.
    """
    opener = write.actor
    writers = [
        opener if opener is not None and key == opener.process else actor
        for key, actor in hands.items()
        if write.created or opener is None or key != opener.process or len(hands) == 1
    ]
    if not writers:
        yield write
        return
    for place, actor in enumerate(writers):
        closed_ns = write.closed_ns - (len(writers) - 1 - place)
        if place:
            yield Read(write.path, closed_ns - 1, closed_ns, actor, None)
        state = write.state if place == len(writers) - 1 else None
        opened_ns = min(write.opened_ns, closed_ns)
        yield replace(write, opened_ns=opened_ns, closed_ns=closed_ns, actor=actor, state=state)
