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
from dataclasses import replace
from typing import TYPE_CHECKING

from provfs_agent.facts import Appeared, Fact, Lost, Read, Remove, Rename, Write
from provfs_agent.unsettled import (
    ActiveFile,
    Closed,
    Quiet,
    Sign,
    can_be_of,
    only_opener,
    same_process,
)

if TYPE_CHECKING:
    from provfs.model import Fingerprint
    from provfs_agent.events import Actor, FileKey, RawEvent

_FORGOTTEN = 1440
"""After so many times `Quiet.open_ns` (a day) the close of an open file must have been lost."""

_HANDS_MAX = 256
_CLOSED_MAX = 64
_READS_MAX = 4096
_OPENS_MAX = 4096
"""Openings of one file that are remembered at once; older ones lose the time of their opening."""


class Settler:
    """The files of all roots that something is happening to.

    Args:
        quiet: How long to wait for the end of it.
    """

    def __init__(self, quiet: Quiet | None = None) -> None:
        self.quiet = quiet or Quiet()
        self._files: dict[str, ActiveFile] = {}
        self._places: dict[FileKey, str] = {}
        self._unlinked: dict[FileKey, ActiveFile] = {}
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
                handle(self._placed(event), state)

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
        self._places.clear()
        self._unlinked.clear()
        return self.due(now_ns)

    def _placed(self, event: RawEvent) -> RawEvent:
        """Return the event with the name that the file has as far as the events before it say.

        A close is told with the name of the moment in which it is read, which can be that of a
        rename of which another channel has still to tell. A change bears the name of its own
        moment, also where the file is gone by now and its inode another's.
        """
        if event.file is None or event.kind not in {"close_read", "close_write"}:
            return event
        place = self._places.get(event.file, event.path)
        if place == event.path or place not in self._files:
            return event
        here = self._files.get(event.path)
        if here is not None and any(can_be_of(actor, event.actor) for _, actor in here.opens):
            return event
        return replace(event, path=place)

    def _on_open(self, event: RawEvent, _: Fingerprint | None) -> None:
        file = self._file(event.path)
        self._keep_key(event.path, file, event.file)
        opens = file.opens
        opens.append((event.at_ns, event.actor))
        if len(opens) > _OPENS_MAX:
            del opens[0]

    def _on_close_read(self, event: RawEvent, state: Fingerprint | None) -> None:
        if event.file in self._unlinked:
            self._close_unlinked(event)
            return
        file = self._file(event.path)
        opened_ns, actor = self._opener(file, event)
        read = Read(event.path, opened_ns, event.at_ns, actor, state)
        if file.has_signs and not file.opens and event.order == "certain":
            # Nobody has it open: a change without a close was complete before.
            write = self._unclosed(event.path, file, state)
            file.closed.append(Closed(write, {}, event.at_ns + self.quiet.closed_ns))
            self._wait(event.path, file, file.told_ns)
        if file.last is None:
            self._facts.append(read)
            self._drop_if_idle(event.path, file)
            return
        file.last.reads.append(read)
        if len(file.last.reads) >= _READS_MAX:
            self._give_closed(file)

    def _on_close_write(self, event: RawEvent, state: Fingerprint | None) -> None:
        if event.file in self._unlinked:
            self._close_unlinked(event)
            return
        file = self._file(event.path)
        opened_ns, actor = self._opener(file, event)
        self._keep_key(event.path, file, event.file)
        created = file.created is not None
        sure = created or file.changed is not None
        due_ns = event.at_ns + self.quiet.closed_ns
        waiting = file.last
        if waiting is not None and not (waiting.reads or waiting.write.actor or actor):
            file.closed.pop()
            file.hands = {**waiting.hands, **file.hands}
            opened_ns = min(opened_ns, waiting.write.opened_ns)
            due_ns = min(due_ns, max(waiting.due_ns, opened_ns + self.quiet.open_ns))
            created, sure = created or waiting.write.created, sure or waiting.write.sure
        file.created = file.changed = None
        write = Write(event.path, opened_ns, event.at_ns, actor, state, sure, created)
        file.closed.append(Closed(write, file.hands, due_ns))
        file.hands = {}
        if len(file.closed) > _CLOSED_MAX:
            self._give_closed(file)
        else:
            self._wait(event.path, file, file.told_ns)

    def _on_modify(self, event: RawEvent, state: Fingerprint | None) -> None:
        if event.file in self._unlinked:
            return
        file = self._file(event.path)
        late = file.changed_by(event.actor)
        hands = file.hands if late is None else late.hands
        if event.actor is not None and len(hands) < _HANDS_MAX:
            hands[event.actor.process] = event.actor
        if late is not None:
            # The channel of changes lags behind that of closes: it tells of what is closed already.
            late.write = replace(late.write, sure=True, state=state or late.write.state)
            return
        before = file.changed or Sign(event.at_ns, event.at_ns, None)
        file.changed = Sign(before.first_ns, event.at_ns, event.actor or before.actor)
        self._wait_for_close(event.path, file)

    def _on_create(self, event: RawEvent, _: Fingerprint | None) -> None:
        file = self._file(event.path)
        if file.closed:
            for each in file.closed:
                if same_process(each.write.actor, event.actor):
                    each.write = replace(each.write, sure=True, created=True)
                    break
            return
        file.created = file.created or Sign(event.at_ns, event.at_ns, event.actor)
        self._wait_for_close(event.path, file)

    def _on_delete(self, event: RawEvent, _: Fingerprint | None) -> None:
        file = self._files.pop(event.path, None)
        removed = Remove(event.path, event.at_ns, event.actor)
        if file is not None:
            self._forget_key(file)
            if file.is_worth_telling or (file.last is not None and not file.last.write.created):
                self._give_closed(file)
            if file.opens and file.key is not None:
                file.closed, file.removed = [], removed
                self._unlinked[file.key] = file
        self._facts.append(removed)

    def _close_unlinked(self, event: RawEvent) -> None:
        """Tell how a file was used that had no name any more when it was closed."""
        assert event.file is not None  # noqa: S101 - it stands among the unlinked by it
        file = self._unlinked[event.file]
        opened_ns, actor = self._opener(file, event)
        if not file.opens:
            del self._unlinked[event.file]
        if actor is None or file.removed is None:
            return
        path, removed = file.removed.path, file.removed
        closed_ns = max(opened_ns, min(event.at_ns, removed.at_ns - 1))
        if event.kind == "close_read":
            self._facts.append(Read(path, opened_ns, closed_ns, actor, None))
        elif file.changed or file.created:
            self._facts.append(Write(path, opened_ns, closed_ns, actor, None))
        else:
            return
        self._facts.append(removed)

    def _on_rename(self, event: RawEvent, state: Fingerprint | None) -> None:
        source = event.old_path or event.path
        replaced = self._files.pop(event.path, None)
        if replaced is not None:
            self._forget_key(replaced)
        if replaced is not None and replaced.is_worth_telling:
            self._give_closed(replaced)
        file = self._files.pop(source, None) or ActiveFile()
        self._files[event.path] = file
        self._keep_key(event.path, file, file.key or event.file)
        made = file.temporary
        if made is not None and same_process(made.write.actor, event.actor):
            made.write = replace(made.write, path=event.path, state=state or made.write.state)
            made.due_ns = event.at_ns + self.quiet.closed_ns
            self._facts.append(Remove(source, event.at_ns, event.actor))
            self._wait(event.path, file, made.due_ns)
            return
        new = None if file.closed else file.created
        if new is not None and same_process(new.actor, event.actor):  # its close may be told late
            self._facts.append(Remove(source, event.at_ns, event.actor))
            self._wait_for_close(event.path, file)
            return
        self._give_closed(file)
        self._facts.append(Rename(source, event.path, event.at_ns, event.actor, state))
        if file.created or file.changed:
            self._wait_for_close(event.path, file)
        self._drop_if_idle(event.path, file)

    def _directory(self, event: RawEvent) -> None:
        if event.kind == "create":
            self._facts.append(Appeared(event.path, event.at_ns))
        elif event.kind == "delete":
            for path in self._below(event.path):
                file = self._files.pop(path)
                self._give_closed(file)
                self._forget_key(file)
            self._facts.append(Remove(event.path, event.at_ns, event.actor, is_directory=True))
        elif event.kind == "rename" and event.old_path is not None:
            for path in self._below(event.old_path):
                file = self._files.pop(path)
                self._give_closed(file)
                moved = event.path + path[len(event.old_path) :]
                self._files[moved] = file
                self._keep_key(moved, file, file.key)
                if file.created or file.changed:
                    self._wait_for_close(moved, file)
                self._drop_if_idle(moved, file)
            self._facts.append(
                Rename(event.old_path, event.path, event.at_ns, event.actor, None, True)
            )

    def _lose(self, event: RawEvent, root: str, before_ns: int) -> None:
        for path in [*self._below(event.path), event.path]:
            if (file := self._files.pop(path, None)) is not None:
                self._give_closed(file)
                self._forget_key(file)
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

    def _opener(self, file: ActiveFile, event: RawEvent) -> tuple[int, Actor | None]:
        """Return since when and by whom the file was open that is closed now, and forget it.

        The one who closes is not always the one who opened: a descriptor goes on in a fork.
        """
        mine = [
            place for place, (_, actor) in enumerate(file.opens) if can_be_of(actor, event.actor)
        ]
        if mine:
            opened_ns, actor = file.opens[mine[0]]
            for place in reversed(mine if event.order == "merged" else mine[:1]):
                del file.opens[place]
            return opened_ns, event.actor or actor  # the program can have been exchanged by exec
        if file.opens:
            opened_ns, actor = file.opens.pop(0)
            return opened_ns, actor or event.actor
        return event.at_ns, event.actor

    def _settle(self, path: str, file: ActiveFile, now_ns: int, *, force: bool = False) -> None:
        self._give_closed(file, None if force else now_ns)
        if file.last is not None:
            self._wait(path, file, file.told_ns)
            return
        if file.has_signs:
            due_ns = self._due_ns(file)
            if not force and now_ns < due_ns:
                self._wait(path, file, due_ns)
                return
            self._facts.append(self._unclosed(path, file, None))
        if file.opens and file.opens[-1][0] < now_ns - _FORGOTTEN * self.quiet.open_ns:
            file.opens.clear()
        self._drop_if_idle(path, file)

    @staticmethod
    def _unclosed(path: str, file: ActiveFile, state: Fingerprint | None) -> Write:
        """Return what has happened to a file of which no close was seen, and begin anew."""
        signs = file.signs
        first_ns = min(sign.first_ns for sign in signs)
        last_ns = max(sign.last_ns for sign in signs)
        actor = next((sign.actor for sign in reversed(signs) if sign.actor is not None), None)
        created = file.created is not None
        file.created = file.changed = None
        file.hands = {}
        actor = actor or only_opener(file)
        return Write(path, first_ns, last_ns, actor, state, created=created, closed=False)

    def _give_closed(self, file: ActiveFile, until_ns: int | None = None) -> None:
        """Tell what was closed and is due, or all of it."""
        while file.closed and (until_ns is None or file.told_ns <= until_ns):
            self._facts.extend(file.take_closed())

    def _wait_for_close(self, path: str, file: ActiveFile) -> None:
        """Give a file time to be closed; one that is written all the time is not put off by it."""
        due_ns = self._due_ns(file)
        if file.last is None and due_ns != file.due_ns:
            self._wait(path, file, due_ns)

    def _due_ns(self, file: ActiveFile) -> int:
        """Return when a file that is new or has changed is taken without a close."""
        due_ns = min(sign.first_ns for sign in file.signs) + self.quiet.open_ns
        if not file.opens:
            last_ns = max(sign.last_ns for sign in file.signs)
            due_ns = min(due_ns, last_ns + self.quiet.silent_ns)
        return due_ns

    def _wait(self, path: str, file: ActiveFile, due_ns: int) -> None:
        file.due_ns = due_ns
        heapq.heappush(self._heap, (due_ns, path))

    def _file(self, path: str) -> ActiveFile:
        return self._files.setdefault(path, ActiveFile())

    def _keep_key(self, path: str, file: ActiveFile, key: FileKey | None) -> None:
        if key is not None:
            file.key = key
            self._places[key] = path

    def _forget_key(self, file: ActiveFile) -> None:
        if file.key is not None:
            self._places.pop(file.key, None)

    def _drop_if_idle(self, path: str, file: ActiveFile) -> None:
        if file.is_idle:
            self._forget_key(file)
            self._files.pop(path, None)

    def _below(self, directory: str) -> list[str]:
        start = directory.rstrip("/") + "/"
        return [path for path in self._files if path.startswith(start)]
