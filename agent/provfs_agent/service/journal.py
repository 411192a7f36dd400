"""Write facts down as records of the agent's own journal.

Contract: a record about a process that is known bears the name of that process, and one `execution`
record tells who it was; a fact without a process becomes a `change` of the agent's own execution.
Numbers of records are larger than any that a captured process gives itself, and are never used
twice, across restarts too. `append` tells whether a record was written: what could not be is
counted, and told as a gap as soon as writing works again.
Not here: which records are due, see `provfs_agent.service.contents`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from provfs.capture import execution
from provfs.journal import record
from provfs.journal.writer import JournalWriter
from provfs.model import uri_of_path
from provfs_agent.events import clock_ns
from provfs_agent.service.status import LastLoss

if TYPE_CHECKING:
    from pathlib import Path

    from provfs.model import Fingerprint
    from provfs_agent.events import Actor, ProcessKey

CHANNEL = "agent"
_ACTORS_MAX = 65_536
"""Processes that are remembered as told; an older one that comes back is told again."""


class AgentJournal:
    """The journal of one run of the agent.

    Args:
        directory: Where journals lie; must exist.
    """

    def __init__(self, directory: Path) -> None:
        self._me = execution.identify({})
        self._writer = JournalWriter(
            directory, self._me, lambda _: execution.journal_line(self._me)
        )
        self._told: OrderedDict[ProcessKey, tuple[str, ...]] = OrderedDict()
        self._id = 0
        self._missed = 0
        self._missed_ns = 0
        self.last_loss = LastLoss()
        self.records = 0

    @property
    def lost(self) -> int:
        """How many records could not be written since the start."""
        return self._writer.lost

    @property
    def is_broken(self) -> bool:
        """Whether the last record could not be written."""
        return self._missed > 0

    @property
    def name(self) -> str:
        """The execution name of the agent."""
        return self._me.text

    @property
    def last_id(self) -> int:
        """Number of the last record."""
        return self._id

    def begin(self) -> None:
        """Say who the agent is."""
        self._append(execution.execution_line(self._me))

    def end(self) -> None:
        """Say that the agent ends in order."""
        self._append(
            record.encode(
                record.Exit(
                    execution=self._me.text,
                    at_ns=clock_ns(),
                    exit_code=0,
                    lost_records=self._writer.lost,
                )
            )
        )

    def read(
        self,
        actor: Actor | None,
        path: str,
        times: tuple[int, int],
        state: Fingerprint | None,
        digest: str | None,
        reason: str | None = None,
        opens: int = 1,
    ) -> bool:
        """Record that a file was opened for reading; `times` are its opening and closing."""
        if actor is None:
            return self._change("read", path, times[1], state, digest, reason)
        return self._access("read", actor, path, times, state, digest, reason, opens)

    def write(
        self,
        actor: Actor | None,
        path: str,
        times: tuple[int, int],
        state: Fingerprint | None,
        digest: str | None,
        reason: str | None = None,
        *,
        created: bool = False,
    ) -> bool:
        """Record that a file has new content."""
        if actor is None:
            kind = "created" if created else "modified"
            return self._change(kind, path, times[1], state, digest, reason)
        return self._access("write", actor, path, times, state, digest, reason)

    def observed(
        self, path: str, at_ns: int, state: Fingerprint, digest: str | None, reason: str | None
    ) -> bool:
        """Record the state in which a file was found."""
        return self._change("observed", path, at_ns, state, digest, reason)

    def remote(self, kind: str, uri: str, at_ns: int, fingerprint: str | None) -> bool:
        """Record what a listing of a remote filesystem showed."""
        return self._append(
            record.encode(
                record.Change(
                    execution=self._me.text,
                    id=self._next_id(),
                    uri=uri,
                    kind=kind,
                    at_ns=at_ns,
                    fingerprint=fingerprint,
                    reason="known by its listing only",
                    channel=CHANNEL,
                )
            )
        )

    def rename(
        self, actor: Actor | None, path: str, to: str, at_ns: int, state: Fingerprint | None
    ) -> bool:
        """Record that a file, or a directory where `state` is None, has another name."""
        if actor is None:
            return self._change("renamed", path, at_ns, state, None, None, to=to)
        return self._append(
            record.encode(
                record.Rename(
                    execution=self._name_of(actor, at_ns),
                    id=self._next_id(),
                    uri=uri_of_path(path),
                    to=uri_of_path(to),
                    at_ns=at_ns,
                    fingerprint=_text(state),
                    channel=CHANNEL,
                )
            )
        )

    def remove(self, actor: Actor | None, path: str, at_ns: int, state: Fingerprint | None) -> bool:
        """Record that a file is gone; `state` is the last that is known of it."""
        if actor is None:
            return self._change("removed", path, at_ns, None, None, None)
        return self._append(
            record.encode(
                record.Remove(
                    execution=self._name_of(actor, at_ns),
                    id=self._next_id(),
                    uri=uri_of_path(path),
                    at_ns=at_ns,
                    fingerprint=_text(state),
                    channel=CHANNEL,
                )
            )
        )

    def gap(self, kind: str, detail: str, count: int = 1) -> bool:
        """Record that something is known to be missing."""
        return self._append(self._gap_line(kind, detail, count))

    def mend(self) -> bool:
        """Try whether writing works again, and tell what was missed; True where it does."""
        if not self._missed:
            return True
        detail = f"records of the agent, from {self._missed_ns} ns on its clock to {clock_ns()} ns"
        if not self._writer.append(self._gap_line("lost-records", detail, self._missed)):
            return False
        self._missed = 0
        return True

    def _access(
        self,
        mode: str,
        actor: Actor,
        path: str,
        times: tuple[int, int],
        state: Fingerprint | None,
        digest: str | None,
        reason: str | None,
        opens: int = 1,
    ) -> bool:
        return self._append(
            record.encode(
                record.Access(
                    execution=self._name_of(actor, times[0]),
                    id=self._next_id(),
                    uri=uri_of_path(path),
                    mode=mode,
                    opened_ns=times[0],
                    closed_ns=times[1],
                    opens=opens,
                    size_bytes=None if state is None else state.size_bytes,
                    fingerprint=_text(state),
                    digest=digest,
                    reason=None if digest else reason,
                    channel=CHANNEL,
                )
            )
        )

    def _change(
        self,
        kind: str,
        path: str,
        at_ns: int,
        state: Fingerprint | None,
        digest: str | None,
        reason: str | None,
        to: str | None = None,
    ) -> bool:
        return self._append(
            record.encode(
                record.Change(
                    execution=self._me.text,
                    id=self._next_id(),
                    uri=uri_of_path(path),
                    kind=kind,
                    to=None if to is None else uri_of_path(to),
                    at_ns=at_ns,
                    fingerprint=_text(state),
                    digest=digest,
                    size_bytes=None if state is None else state.size_bytes,
                    reason=None if digest else reason,
                    channel=CHANNEL,
                )
            )
        )

    def _name_of(self, actor: Actor, seen_ns: int) -> str:
        """Return the execution name of a process, after telling who it is where that is new."""
        told = self._told.get(actor.process)
        if told is None or (not told and actor.command):
            self._append(record.encode(self._execution(actor, seen_ns)))
            self._told[actor.process] = actor.command
            if len(self._told) > _ACTORS_MAX:
                self._told.popitem(last=False)
        return self._text_of(actor.process)

    def _execution(self, actor: Actor, seen_ns: int) -> record.Execution:
        variables = dict(pair.partition("=")[::2] for pair in actor.environment)
        name = self._text_of(actor.process)
        captured = variables.get(execution.EXECUTION_VARIABLE)
        parent = captured if captured and captured != name else None
        program = name
        if execution.is_worker(actor.command):
            program = variables.get(execution.PROGRAM_VARIABLE) or program
        if parent is None and actor.parent is not None:
            parent = self._text_of(actor.parent)
        return record.Execution(
            execution=name,
            program=program,
            parent=parent,
            host=execution.host(),
            pid=actor.process.pid,
            started_ns=_started_ns(actor.process.start, seen_ns),
            user_name=actor.user_name,
            command=tuple(map(_valid, actor.command)),
            cwd=None if actor.cwd is None else _valid(actor.cwd),
            executable=None if actor.executable is None else _valid(actor.executable),
            login_user=actor.login_user,
            container=actor.container,
            environment=tuple(map(_valid, actor.environment)),
            input_pipe=actor.input_pipe,
            output_pipe=actor.output_pipe,
        )

    def _text_of(self, process: ProcessKey) -> str:
        return f"{self._me.boot}-{process.pid}-{process.start}"

    def _next_id(self) -> int:
        self._id = max(self._id + 1, clock_ns())
        return self._id

    def _gap_line(self, kind: str, detail: str, count: int) -> bytes:
        return record.encode(
            record.Gap(
                execution=self._me.text,
                at_ns=clock_ns(),
                kind=kind,
                count=count,
                detail=_valid(detail),
                channel=CHANNEL,
            )
        )

    def _append(self, line: bytes) -> bool:
        if self._missed and not self.mend():
            self._missed += 1
            self.last_loss.note()
            return False
        if self._writer.append(line):
            self.records += 1
            return True
        if not self._missed:
            self._missed_ns = clock_ns()
        self._missed += 1
        self.last_loss.note()
        return False


def _started_ns(start_ticks: int, seen_ns: int) -> int:
    """Return when a process began: the end of its clock tick, but not after its first event.

    What its parent reads later in the same tick must not seem to come before the start.
    """
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return min((start_ticks + 1) * tick_ns, max(seen_ns, start_ticks * tick_ns))


def _text(state: Fingerprint | None) -> str | None:
    return None if state is None else str(state)


def _valid(text: str) -> str:
    """Return a text that every reader of UTF-8 can read, with marks for what is none."""
    return text.encode("utf-8", "replace").decode("utf-8")
