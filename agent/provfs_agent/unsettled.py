"""A file that something is happening to, and how long to wait for the end of it.

Not here: what follows from an event, see `provfs_agent.settle`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
class ActiveFile:
    """What is known of a path that something is happening to.

    Attributes:
        opens: When and by whom it was opened, for each opening that was not closed yet.
        write: What was closed and may be renamed at once.
        created: That the name is new.
        changed: That its content changed and no close was seen since.
        key: Which file stands there.
        removed: That it has no name any more although somebody holds it open.
        hands: Who has changed it since it was opened, in order.
        write_hands: Who has changed it before `write` was closed.
        due_ns: When it is looked at again.
    """

    opens: list[tuple[int, Actor | None]] = field(default_factory=list)
    write: Write | None = None
    created: Sign | None = None
    changed: Sign | None = None
    key: FileKey | None = None
    removed: Remove | None = None
    hands: dict[ProcessKey, Actor] = field(default_factory=dict)
    write_hands: dict[ProcessKey, Actor] = field(default_factory=dict)
    due_ns: int = 0

    def is_late(self, actor: Actor | None) -> bool:
        """Say whether a change belongs to what was closed already and waits to be told."""
        if self.write is None:
            return False
        if not self.opens:
            return True
        return actor is not None and (
            actor.process in self.write_hands or same_process(self.write.actor, actor)
        )

    @property
    def is_idle(self) -> bool:
        """Whether nothing has to be remembered of it."""
        return not (self.opens or self.write or self.created or self.changed)


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
