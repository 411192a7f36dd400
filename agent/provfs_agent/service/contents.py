"""Find out what a settled file holds, and tell the journal; keep the index in step with it.

Contract: a fact goes to the journal with its digest if that is found within `HOLD_NS`, otherwise
without, and the digest follows as a change of kind `observed`. The index is changed only for what
is in the journal. A file whose fingerprint is in the index is never read again. Nothing here waits.
Not here: how a fact is written down, see `provfs_agent.service.journal`; which threads hash, see
`provfs_agent.content.hasher`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from provfs_agent.content.hasher import Job
from provfs_agent.content.reading import Prefix
from provfs_agent.content.steady import Hashed, Refused
from provfs_agent.events import ProcessKey, clock_ns
from provfs_agent.facts import Fact, Read, Remove, Rename, Write
from provfs_agent.known.index import UNKNOWN
from provfs_agent.known.scan import is_gone, state_of
from provfs_agent.service.held import Held, Late, Queue
from provfs_agent.service.reads import RepeatedReads

if TYPE_CHECKING:
    from collections.abc import Callable

    from provfs.model import Fingerprint
    from provfs_agent.content.hasher import Hasher
    from provfs_agent.known.index import Index
    from provfs_agent.service.journal import AgentJournal

HOLD_NS = 1_500_000_000
"""Longest time that a fact waits for its digest before it is told without."""

_WRITERS_MAX = 16_384
_GONE = "gone before it could be looked at"
_CHANGED = "changed again before it could be hashed"
_SLOW = "not hashed yet"


class Contents:
    """Facts on their way to the journal.

    Args:
        journal: Where they go.
        index: What is known of every file.
        hasher: Who reads files.
        in_scope: Says of a path whether it is captured.
        look_again: Called with a path whose state has to be looked at a little later.
    """

    def __init__(
        self,
        journal: AgentJournal,
        index: Index,
        hasher: Hasher,
        in_scope: Callable[[str], bool],
        look_again: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._index = index
        self._hasher = hasher
        self._in_scope = in_scope
        self._look_again = look_again
        self._queue = Queue()
        self._tickets: dict[int, Held | Late] = {}
        self._ticket = 0
        self._reads = RepeatedReads(journal)
        self._writers: OrderedDict[str, tuple[ProcessKey | None, int]] = OrderedDict()
        self.unsettled = 0

    def __len__(self) -> int:
        """Return how many facts wait."""
        return len(self._queue)

    @property
    def late(self) -> int:
        """How many files are in the journal without a digest that is still to come."""
        return len(self._tickets) - sum(isinstance(held, Held) for held in self._tickets.values())

    def take(self, fact: Fact) -> None:
        """Take a settled fact about a file or a tree."""
        if isinstance(fact, Remove | Rename):
            if fact.is_directory:
                self._move_tree(fact)
                return
            to = fact.to if isinstance(fact, Rename) else fact.path
            paths = (fact.path,) if to == fact.path else (fact.path, to)
            for held in self._queue.at(fact.path):
                self._follow(held, fact)
        elif isinstance(fact, Read | Write):
            paths = (fact.path,)
            if not self._in_scope(fact.path):
                return
            if isinstance(fact, Write) and fact.sure:
                self._supersede(fact)
        else:
            return
        self._ticket += 1
        self._queue.add(Held(fact, paths, self._ticket, place=fact.path))
        self._run()

    def advance(self, now_ns: int) -> None:
        """Take what was hashed, and give up waiting where it takes too long."""
        for job in self._hasher.done():
            waiting = self._tickets.get(job.ticket)
            if isinstance(waiting, Held):
                self._hashed(waiting, job.result, final=job.is_final)
            elif isinstance(waiting, Late) and job.is_final:
                self._complete(job.ticket, waiting, job.result)
        for held in self._queue.waiting() if self._queue else ():
            if held.is_started and held.deadline_ns and held.deadline_ns <= now_ns:
                self._release(held, None, _SLOW, keep=True)
        self._reads.flush(now_ns)
        self._run()

    def flush(self) -> None:
        """Tell everything as it is now, because the agent ends."""
        while self._queue:
            for held in self._queue.waiting():
                if held.is_started:
                    self._release(held, None, _SLOW)
            self._run()
        self._reads.flush(None)

    def _run(self) -> None:
        for held in self._queue.opened():
            fact = held.fact
            if isinstance(fact, Write):
                self._start_write(held, fact)
            elif isinstance(fact, Read):
                self._start_read(held, fact)
            elif isinstance(fact, Rename):
                self._rename(fact)
                self._queue.remove(held)
            elif isinstance(fact, Remove):
                self._remove(fact)
                self._queue.remove(held)

    def _start_read(self, held: Held, fact: Read) -> None:
        known = held.known = self._index.get(fact.path)
        if fact.state is None:
            if fact.actor is not None:
                reason = _GONE if is_gone(fact.path) else _CHANGED
                if self._reads.tell(fact, None, None, reason) and known is None:
                    self._index.put(fact.path, UNKNOWN, None)
        elif known is not None and known.fingerprint == fact.state:
            self._reads.tell(fact, fact.state, known.digest, "not known")
        else:
            self._hash(held, fact.state)
            return
        self._queue.remove(held)

    def _start_write(self, held: Held, fact: Write) -> None:
        known = held.known = self._index.get(fact.path)
        state = fact.state
        if state is None and (fact.actor is None or not fact.closed):
            state = state_of(fact.path)
        if state is None:
            if fact.actor is not None:
                self._tell_write(fact, None, None, _GONE if is_gone(fact.path) else _CHANGED)
            self._queue.remove(held)
        elif known is not None and known.fingerprint == state and (known.digest or fact.actor):
            self._unchanged(fact, state, known.digest)
            self._queue.remove(held)
        else:
            self._hash(held, state)

    def _unchanged(self, fact: Write, state: Fingerprint, digest: str | None) -> None:
        """Handle a file that was open for writing and is as it is known already."""
        if fact.actor is None:
            return
        times = (fact.opened_ns, fact.closed_ns)
        if not fact.sure:
            self._reads.tell(Read(fact.path, *times, fact.actor, state), state, digest, "not known")
        elif self._writer_of(fact.path)[0] != fact.actor.process:
            self._tell_write(fact, state, digest, "not known")

    def _hash(self, held: Held, state: Fingerprint) -> None:
        known = held.known
        prefix = None
        if (
            isinstance(held.fact, Write)
            and known is not None
            and known.digest is not None
            and known.fingerprint[:2] == state[:2]
            and 0 < known.fingerprint.size_bytes < state.size_bytes
        ):
            prefix = Prefix(known.fingerprint.size_bytes, known.digest.partition(":")[2])
        held.deadline_ns = clock_ns() + HOLD_NS
        self._tickets[held.ticket] = held
        self._submit(held.place, held.ticket, state, prefix)

    def _submit(
        self, path: str, ticket: int, state: Fingerprint, prefix: Prefix | None = None
    ) -> None:
        job = Job(path, ticket, state.size_bytes, (state.device, state.inode), prefix)
        dropped = self._hasher.submit(job)
        if dropped is not None and isinstance(self._tickets.get(dropped.ticket), Late):
            del self._tickets[dropped.ticket]

    def _hashed(self, held: Held, result: Hashed | Refused | None, *, final: bool) -> None:
        fact = held.fact
        if isinstance(result, Hashed) and isinstance(fact, Read | Write):
            if fact.state is None or _alike(result.fingerprint, fact.state):
                self._release(held, result, "")
            else:
                self._release(held, None, _CHANGED)
                self._look_again(held.place)
        elif final:
            reason = result.reason if isinstance(result, Refused) else _SLOW
            self.unsettled += 1
            self._release(held, None, reason)

    def _release(
        self, held: Held, result: Hashed | None, reason: str, *, keep: bool = False
    ) -> None:
        """Tell a fact, with or without its digest; `keep` lets the digest follow."""
        fact = held.fact
        waiting = self._tickets.pop(held.ticket, None)
        self._queue.remove(held)
        if not isinstance(fact, Read | Write):
            return
        state = result.fingerprint if result is not None else fact.state
        digest = result.digest if result is not None else None
        if isinstance(fact, Read):
            told = self._reads.tell(fact, fact.state, digest, reason)
            is_news = digest is not None or keep or self._index.get(held.place) is None
            if told and state is not None and is_news:
                self._index.put(held.place, state, digest)
        elif result is not None and not fact.sure and _is_as_before(held, result):
            if self._journal.observed(held.place, fact.closed_ns, result.fingerprint, digest, None):
                self._index.put(held.place, result.fingerprint, digest)
        else:
            if result is not None and result.extends and held.known is not None:
                before = Read(
                    *(fact.path, fact.opened_ns, fact.closed_ns, fact.actor),
                    held.known.fingerprint,
                )
                if fact.actor is not None:
                    self._reads.tell(before, before.state, held.known.digest, "")
            is_new = held.known is None
            if self._tell_write(fact, state, digest, reason, is_new=is_new) and state is not None:
                self._index.put(held.place, state, digest)
                self._other_names(held.place, state)
        if keep and waiting is not None:
            self._tickets[held.ticket] = Late(fact, held.place)

    def _complete(self, ticket: int, late: Late, result: Hashed | Refused | None) -> None:
        """Tell the digest of what was told without one."""
        del self._tickets[ticket]
        state, known = late.fact.state, self._index.get(late.place)
        if known is None:
            return  # removed or renamed meanwhile
        if isinstance(result, Hashed) and (state is None or _alike(result.fingerprint, state)):
            told = self._journal.observed(
                late.place, clock_ns(), result.fingerprint, result.digest, None
            )
            if told:
                self._index.put(late.place, result.fingerprint, result.digest)
        elif isinstance(result, Hashed):
            self._look_again(late.place)
        else:
            self.unsettled += 1

    def _tell_write(
        self,
        fact: Write,
        state: Fingerprint | None,
        digest: str | None,
        reason: str,
        *,
        is_new: bool = False,
    ) -> bool:
        _, written_ns = self._writer_of(fact.path)
        if fact.closed_ns <= written_ns:  # what is told later was later, also after a rename
            fact = replace(fact, closed_ns=written_ns + 1)
        if fact.actor is None and not fact.sure and state is not None and is_new:
            told = self._journal.observed(fact.path, fact.closed_ns, state, digest, reason)
        else:
            told = self._journal.write(
                *(fact.actor, fact.path, (fact.opened_ns, fact.closed_ns), state, digest, reason),
                created=fact.created,
            )
        if told:
            if state is None:
                self._index.put(fact.path, UNKNOWN, None)
            process = None if fact.actor is None else fact.actor.process
            self._writers[fact.path] = (process, fact.closed_ns)
            self._writers.move_to_end(fact.path)
            if len(self._writers) > _WRITERS_MAX:
                self._writers.popitem(last=False)
        return told

    def _supersede(self, fact: Write) -> None:
        """Let go of writes of the same file that are still being hashed: it has new content."""
        for held in self._queue.at(fact.path):
            if held.is_started and isinstance(held.fact, Write) and held.fact.state != fact.state:
                self._release(held, None, _CHANGED)

    def _follow(self, held: Held, fact: Rename | Remove) -> None:
        """Let a fact that is being hashed go on at its new name, or end where the file is gone."""
        if not held.is_started:
            return
        if isinstance(fact, Remove):
            self._release(held, None, _GONE)
        elif isinstance(held.fact, Read | Write) and held.fact.state is not None:
            held.place = fact.to
            self._hash(held, held.fact.state)

    def _rename(self, fact: Rename) -> None:
        source, target = self._in_scope(fact.path), self._in_scope(fact.to)
        if not target:
            if source:
                self._remove(Remove(fact.path, fact.at_ns, fact.actor))
            return
        if not source:
            write = Write(fact.to, fact.at_ns, fact.at_ns, fact.actor, fact.state, True, True)
            self.take(write)
            return
        known = self._index.get(fact.path) or self._index.get(fact.to)
        process, written_ns = self._writer_of(fact.path)
        at_ns = max(fact.at_ns, written_ns + 1)
        told_state = None if fact.state == UNKNOWN else fact.state
        if known and told_state is not None and _alike(known.fingerprint, told_state):
            told_state = known.fingerprint
        if not self._journal.rename(fact.actor, fact.path, fact.to, at_ns, told_state):
            return
        self._index.rename(fact.path, fact.to)
        self._writers.pop(fact.path, None)
        self._writers[fact.to] = (process, at_ns)
        state = fact.state
        if state is None or state == UNKNOWN:
            return
        digest = known.digest if known and _alike(known.fingerprint, state) else None
        self._index.put(fact.to, state, digest)
        if digest is None:
            self._ticket += 1
            read = Read(fact.to, fact.at_ns, fact.at_ns, None, state)
            self._tickets[self._ticket] = Late(read, fact.to)
            self._submit(fact.to, self._ticket, state)

    def _remove(self, fact: Remove) -> None:
        known = self._index.get(fact.path)
        if known is None and not fact.is_doubtful:
            return
        state = None if known is None or known.fingerprint == UNKNOWN else known.fingerprint
        at_ns = max(fact.at_ns, self._writer_of(fact.path)[1] + 1)
        if self._journal.remove(fact.actor, fact.path, at_ns, state):
            self._index.remove(fact.path)
            self._writers.pop(fact.path, None)

    def _move_tree(self, fact: Rename | Remove) -> None:
        """Apply what happened to a directory to all that is known below it."""
        reason = _GONE if isinstance(fact, Remove) else _SLOW
        while started := [held for held in self._queue.below(fact.path) if held.is_started]:
            for held in started:
                self._release(held, None, reason)
            self._run()
        files = [(path, known.fingerprint) for path, known in self._index.below(fact.path)]
        for path, state in files:
            if isinstance(fact, Rename):
                to = fact.to + path[len(fact.path) :]
                self._rename(Rename(path, to, fact.at_ns, fact.actor, state))
            elif is_gone(path):
                self._remove(Remove(path, fact.at_ns, fact.actor))
        if isinstance(fact, Rename):
            self._look_again(fact.to)

    def _writer_of(self, path: str) -> tuple[ProcessKey | None, int]:
        """Return who wrote a file last and when it was closed or moved.

        Two channels tell of closes and of names, and read their clocks one after the other: a
        removal must not seem to come before the write that it ended.
        """
        return self._writers.get(path, (None, 0))

    def _other_names(self, path: str, state: Fingerprint) -> None:
        """Have the other names of a file looked at, which have the new content as well."""
        for name in self._index.names_of(state):
            if name != path:
                self._look_again(name)


def _is_as_before(held: Held, result: Hashed) -> bool:
    """Say whether a file that may have been written has the state or the content that was known."""
    known = held.known
    return known is not None and (
        result.digest == known.digest or result.fingerprint == known.fingerprint
    )


def _alike(one: Fingerprint, other: Fingerprint) -> bool:
    """Say whether two fingerprints are of one state; a rename moves only the ctime."""
    return one[:4] == other[:4]
