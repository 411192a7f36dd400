"""Turn raw events into facts: what was read, written, renamed and removed, and by whom.

Contract: pure; the clock comes with the events and with `due`, the state of a file with its event.
A read is a fact at its close. A write is one when the file has been quiet for `Quiet.closed_ns`, so
that a temporary file that its writer renames at once is only ever known by its final name. A file
of which no close is seen is taken as it is after `Quiet.silent_ns`, one that stays open after
`Quiet.open_ns`. Facts of one path come in the order in which they happened.
Not here: whether content has changed, see `provfs_agent.service.contents`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from provfs_agent.facts import Appeared, Fact, Lost, Read, Remove, Rename, Write

if TYPE_CHECKING:
    from provfs.model import Fingerprint
    from provfs_agent.events import Actor, RawEvent

_FORGOTTEN = 1440
"""After so many times `Quiet.open_ns` (a day) the close of an open file must have been lost."""

_OPENS_MAX = 4096
"""Openings of one file that are remembered at once; older ones lose the time of their opening."""


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


class _Sign(NamedTuple):
    """That a file is new, or has changed: since when, when last, and by whom."""

    first_ns: int
    last_ns: int
    actor: Actor | None


@dataclass(slots=True)
class _File:
    """What is known of a path that something is happening to."""

    opens: list[tuple[int, Actor | None]] = field(default_factory=list)
    write: Write | None = None
    created: _Sign | None = None
    changed: _Sign | None = None
    due_ns: int = 0

    @property
    def is_idle(self) -> bool:
        return not (self.opens or self.write or self.created or self.changed)


class Settler:
    """The files of all roots that something is happening to.

    Args:
        quiet: How long to wait for the end of it.
    """

    def __init__(self, quiet: Quiet | None = None) -> None:
        self._quiet = quiet or Quiet()
        self._files: dict[str, _File] = {}
        self._heap: list[tuple[int, str]] = []
        self._facts: list[Fact] = []
        self._last_ns: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many files are not settled."""
        return len(self._files)

    def is_busy(self, path: str) -> bool:
        """Say whether something is happening to a path, so that events will tell of it."""
        return path in self._files

    def feed(self, event: RawEvent, state: Fingerprint | None, root: str = "/") -> None:
        """Take an event.

        Args:
            event: Events of one back end in their order.
            state: Fingerprint of the file at `event.path` now; None where there is none, or it is
                no regular file.
            root: The watched root that it comes from.
        """
        before_ns = self._last_ns.get(root, event.at_ns)
        self._last_ns[root] = event.at_ns
        if event.kind in {"overflow", "gone"}:
            self._lose(event, root, before_ns)
        elif event.is_directory:
            self._directory(event)
        else:
            handle = getattr(self, f"_on_{event.kind}", None)
            if handle is not None:
                handle(event, state)

    def due(self, now_ns: int) -> list[Fact]:
        """Return the facts that are certain by now, in order."""
        while self._heap and self._heap[0][0] <= now_ns:
            at_ns, path = heapq.heappop(self._heap)
            file = self._files.get(path)
            if file is not None and file.due_ns == at_ns:
                self._settle(path, file, now_ns)
        facts, self._facts = self._facts, []
        return facts

    def next_due_ns(self) -> int | None:
        """Return when `due` will have more; None while nothing waits."""
        return self._heap[0][0] if self._heap else None

    def flush(self, now_ns: int) -> list[Fact]:
        """Return what waits as it is, because the agent ends; what is only open is forgotten."""
        for path, file in list(self._files.items()):
            self._settle(path, file, now_ns, force=True)
        self._files.clear()
        return self.due(now_ns)

    def _on_open(self, event: RawEvent, _: Fingerprint | None) -> None:
        opens = self._file(event.path).opens
        opens.append((event.at_ns, event.actor))
        if len(opens) > _OPENS_MAX:
            del opens[0]

    def _on_close_read(self, event: RawEvent, state: Fingerprint | None) -> None:
        file = self._file(event.path)
        opened_ns, actor = self._opener(file, event)
        if file.write is not None and actor is not None:
            self._give_write(file)
        self._facts.append(Read(event.path, opened_ns, event.at_ns, actor, state))
        self._drop_if_idle(event.path, file)

    def _on_close_write(self, event: RawEvent, state: Fingerprint | None) -> None:
        file = self._file(event.path)
        opened_ns, actor = self._opener(file, event)
        created = file.created is not None
        sure = created or file.changed is not None
        if (waiting := file.write) is not None:
            if waiting.actor is None and actor is None:
                opened_ns = min(opened_ns, waiting.opened_ns)
                created, sure = created or waiting.created, sure or waiting.sure
            else:
                self._give_write(file)
        file.created = file.changed = None
        file.write = Write(event.path, opened_ns, event.at_ns, actor, state, sure, created)
        self._wait(event.path, file, event.at_ns + self._quiet.closed_ns)

    def _on_modify(self, event: RawEvent, state: Fingerprint | None) -> None:
        file = self._file(event.path)
        waiting = file.write
        if waiting is not None and not file.opens and _same(waiting.actor, event.actor):
            # The channel of changes lags behind that of closes: it tells of what is closed already.
            file.write = replace(waiting, sure=True, state=state or waiting.state)
            return
        before = file.changed or _Sign(event.at_ns, event.at_ns, None)
        file.changed = _Sign(before.first_ns, event.at_ns, event.actor or before.actor)
        self._wait_for_close(event.path, file)

    def _on_create(self, event: RawEvent, _: Fingerprint | None) -> None:
        file = self._file(event.path)
        if file.write is not None:
            if not file.write.created and _same(file.write.actor, event.actor):
                file.write = replace(file.write, sure=True, created=True)
            return
        file.created = file.created or _Sign(event.at_ns, event.at_ns, event.actor)
        self._wait_for_close(event.path, file)

    def _on_delete(self, event: RawEvent, _: Fingerprint | None) -> None:
        file = self._files.pop(event.path, None)
        if file is not None:
            write = file.write
            if write is not None and (write.actor is not None or not write.created):
                self._facts.append(write)
            elif write is not None or (file.created and file.created.actor is None):
                return  # came and went unseen by anybody who can be named
        self._facts.append(Remove(event.path, event.at_ns, event.actor))

    def _on_rename(self, event: RawEvent, state: Fingerprint | None) -> None:
        source = event.old_path or event.path
        replaced = self._files.pop(event.path, None)
        if replaced is not None and replaced.write is not None and replaced.write.actor is not None:
            self._facts.append(replaced.write)
        file = self._files.pop(source, None) or _File()
        self._files[event.path] = file
        write = file.write
        if write is not None and write.created and _same(write.actor, event.actor):
            file.write = replace(write, path=event.path, state=state or write.state)
            self._wait(event.path, file, event.at_ns + self._quiet.closed_ns)
            return
        if file.created is not None and file.created.actor is None and event.actor is None:
            self._wait_for_close(event.path, file)
            return
        self._give_write(file)
        self._facts.append(Rename(source, event.path, event.at_ns, event.actor, state))
        if file.created or file.changed:
            self._wait_for_close(event.path, file)
        self._drop_if_idle(event.path, file)

    def _directory(self, event: RawEvent) -> None:
        if event.kind == "create":
            self._facts.append(Appeared(event.path, event.at_ns))
        elif event.kind == "delete":
            for path in self._below(event.path):
                self._give_write(self._files.pop(path))
            self._facts.append(Remove(event.path, event.at_ns, event.actor, is_directory=True))
        elif event.kind == "rename" and event.old_path is not None:
            for path in self._below(event.old_path):
                file = self._files.pop(path)
                self._give_write(file)
                moved = event.path + path[len(event.old_path) :]
                self._files[moved] = file
                if file.created or file.changed:
                    self._wait_for_close(moved, file)
                self._drop_if_idle(moved, file)
            self._facts.append(
                Rename(event.old_path, event.path, event.at_ns, event.actor, None, True)
            )

    def _lose(self, event: RawEvent, root: str, before_ns: int) -> None:
        for path in [*self._below(event.path), event.path]:
            if (file := self._files.pop(path, None)) is not None:
                self._give_write(file)
        self._facts.append(
            Lost(
                kind="root-gone" if event.kind == "gone" else "overflow",
                root=root,
                from_ns=before_ns,
                to_ns=event.at_ns,
                count=event.lost,
                detail=event.detail,
                is_gone=event.kind == "gone",
            )
        )

    def _opener(self, file: _File, event: RawEvent) -> tuple[int, Actor | None]:
        """Return since when and by whom the file was open that is closed now, and forget it.

        The one who closes is not always the one who opened: a descriptor goes on in a fork.
        """
        mine = [place for place, (_, actor) in enumerate(file.opens) if _is(actor, event.actor)]
        if mine:
            opened_ns, actor = file.opens[mine[0]]
            for place in reversed(mine if event.order == "merged" else mine[:1]):
                del file.opens[place]
            return opened_ns, event.actor if actor is None else actor
        if file.opens:
            opened_ns, actor = file.opens.pop(0)
            return opened_ns, actor or event.actor
        return event.at_ns, event.actor

    def _settle(self, path: str, file: _File, now_ns: int, *, force: bool = False) -> None:
        self._give_write(file)
        signs = [sign for sign in (file.created, file.changed) if sign is not None]
        if signs:
            first_ns = min(sign.first_ns for sign in signs)
            last_ns = max(sign.last_ns for sign in signs)
            due_ns = self._due_ns(file)
            if not force and now_ns < due_ns:
                self._wait(path, file, due_ns)
                return
            actor = next((sign.actor for sign in reversed(signs) if sign.actor is not None), None)
            created = file.created is not None
            self._facts.append(
                Write(
                    *(path, first_ns, last_ns, actor or _only_opener(file), None),
                    *(True, created, False),
                )
            )
            file.created = file.changed = None
        if file.opens and file.opens[-1][0] < now_ns - _FORGOTTEN * self._quiet.open_ns:
            file.opens.clear()
        self._drop_if_idle(path, file)

    def _give_write(self, file: _File) -> None:
        if file.write is not None:
            self._facts.append(file.write)
            file.write = None

    def _wait_for_close(self, path: str, file: _File) -> None:
        """Give a file time to be closed; one that is written all the time is not put off by it."""
        due_ns = self._due_ns(file)
        if file.write is None and due_ns != file.due_ns:
            self._wait(path, file, due_ns)

    def _due_ns(self, file: _File) -> int:
        """Return when a file that is new or has changed is taken without a close."""
        signs = [sign for sign in (file.created, file.changed) if sign is not None]
        due_ns = min(sign.first_ns for sign in signs) + self._quiet.open_ns
        if not file.opens:
            last_ns = max(sign.last_ns for sign in signs)
            due_ns = min(due_ns, last_ns + self._quiet.silent_ns)
        return due_ns

    def _wait(self, path: str, file: _File, due_ns: int) -> None:
        file.due_ns = due_ns
        heapq.heappush(self._heap, (due_ns, path))

    def _file(self, path: str) -> _File:
        return self._files.setdefault(path, _File())

    def _drop_if_idle(self, path: str, file: _File) -> None:
        if file.is_idle:
            self._files.pop(path, None)

    def _below(self, directory: str) -> list[str]:
        start = directory.rstrip("/") + "/"
        return [path for path in self._files if path.startswith(start)]


def _same(one: Actor | None, other: Actor | None) -> bool:
    """Say whether two events are of one process, or both of nobody known."""
    if one is None or other is None:
        return one is other
    return one.process == other.process


def _is(opener: Actor | None, closer: Actor | None) -> bool:
    """Say whether an opening can belong to a close."""
    return opener is None or (closer is not None and opener.process == closer.process)


def _only_opener(file: _File) -> Actor | None:
    openers = {actor.process: actor for _, actor in file.opens if actor is not None}
    return next(iter(openers.values())) if len(openers) == 1 else None
