"""Turn what was opened, read, written and moved into journal records; errors of capture end here.

Contract: one recorder per process, see `provfs.capture.active`. No method raises (in strict mode
they do), none takes a lock, and each record is one write(2), so that threads, signal handlers and
fork children are normal conditions. What could not be recorded is counted and stands in the `exit`
record. The first record of a process is preceded by its `execution` record; a fork child makes its
own at its first record. Repeated reads of a version that this process has recorded are counted in
`Known` entries and written together. Not here: who the process is, see `provfs.capture.execution`;
what a handle saw, see `provfs.capture.plain` and `provfs.capture.operations`.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import get_ident
from contextvars import ContextVar
from itertools import count, islice

from provfs.capture.contexts.current import Threads
from provfs.capture.execution import (
    Identity,
    clock_ns,
    execution_line,
    exit_fields,
    identify,
    journal_line,
)
from provfs.capture.known import KNOWN_LIMIT, Known
from provfs.capture.lines import line, opening_line, quoted
from provfs.capture.pending import PendingMoves
from provfs.journal.writer import JournalWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ParamSpec, TypeVar

    from provfs.capture.active import Rules
    from provfs.capture.identity.description import Description
    from provfs.capture.plain.reading import ReadHandle
    from provfs.capture.plain.writing import WriteHandle
    from provfs.scope import Scope

    P = ParamSpec("P")
    R = TypeVar("R")

FLUSH_FIRST_NS = 5_000_000_000
FLUSH_LONGEST_NS = 320_000_000_000
"""Counts of repeated reads are written after 5 s, then at doubling intervals: a job of a day over
100,000 files would otherwise write the same numbers 17,000 times."""

inside: ContextVar[bool] = ContextVar("provfs_inside", default=False)
"""True within an operation that records itself: what it opens is not recorded again."""


def guarded(method: Callable[P, R]) -> Callable[P, R | None]:
    """Count what goes wrong inside a method of `Recorder` instead of raising it into the job."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder: Any = args[0]
            recorder.trouble(error)
            return None

    call.__name__, call.__doc__ = method.__name__, method.__doc__  # `functools` costs 2 ms
    return call


def _is_of_the_job(error: BaseException) -> bool:
    try:
        from provfs.capture.interrupts import raised_by_handler  # noqa: PLC0415 - rare
    except Exception:  # noqa: BLE001 - out of reach by now, as after chroot or setuid
        return False
    return raised_by_handler(error)


class Recorder:
    """What one process tells its journal, in a directory.

    `settings` returns the settings, when the first file event needs them.
    """

    def __init__(self, directory: str, settings: Callable[[], Rules]) -> None:
        self.known: dict[Any, Known] = {}
        self.inherited: dict[Any, Known] = {}
        self.first_thread = get_ident()
        self.busy: set[int] = set()
        self.lost = 0
        self.hooked = self._finished = False
        self.skip: Callable[[], None] | None = None
        self.unskip: Callable[[], None] = lambda: None
        self.mute = self.unmute = self.unskip
        self.at_finish: list[Callable[[], None]] = []
        self._directory = directory
        self._load_settings = settings
        self._settings: Rules | None = None
        self._scope: Scope | None = None
        self._ids = count(1)
        self._me: Identity | None = None
        self._forked_from: Identity | None = None
        self._forked_ns = self._older_modules = 0
        self._writer: JournalWriter | None = None
        self._interval_ns = FLUSH_FIRST_NS
        self.flush_at_ns = clock_ns() + FLUSH_FIRST_NS
        self._moves = PendingMoves()
        self.threads = Threads(self.next_id)
        self.thread_key = self.threads.key
        self._description: Description | None = None
        self.generation = os.getpid()
        atexit.register(self.finish)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    @property
    def settings(self) -> Rules:
        """The settings of this process."""
        if self._settings is None:
            self._settings = self._load_settings()
        return self._settings

    @property
    def strict(self) -> bool:
        """Whether capture raises what goes wrong in it."""
        return self._settings is not None and self._settings.strict

    def trouble(self, error: BaseException) -> None:
        """Count one loss; in strict mode raise it.

        Raises:
            BaseException: `error`, in strict mode, or where a signal handler of the job raised it.
        """
        self.lost += 1
        if self.strict or _is_of_the_job(error):
            raise error

    def captures(self, uri: str) -> bool:
        """Say whether a uri is in scope."""
        if self._scope is None:
            from provfs.scope import Scope  # noqa: PLC0415 - compiles patterns, which costs some ms

            settings = self.settings
            self._scope = Scope(settings.include, settings.exclude, os.path.realpath(settings.home))
        return self._scope.decide(uri).captured

    def begin(self) -> Identity:
        """Name this process and write its `execution` record, where that has not been done yet."""
        me = self._me
        if me is None:
            me = self._me = identify(None, self._forked_from, self._forked_ns)
            if me.exec_of_itself:
                self._ids = count(clock_ns() // 1000)
            self._writer = JournalWriter(self._directory, me, lambda _number: journal_line(me))
            self._writer.append(execution_line(me))
        return me

    def emit(self, kind: str, fields: Mapping[str, object]) -> None:
        """Write one record; may raise, callers are guarded."""
        me = self.begin()
        self._append(line(kind, me.text, fields))

    def next_id(self) -> int:
        """Return a number that no other access, rename or removal of this execution has."""
        return next(self._ids)

    @guarded
    def opening(self, uri: str, thread: int, channel: str, opened_ns: int | None = None) -> int:
        """Record that an artifact was opened for writing; returns the id for `written`."""
        if self._description is None:
            self.describe()
        id_, at_ns = self.next_id(), opened_ns or clock_ns()
        me = self._me or self.begin()
        self._append(opening_line(me.text, id_, uri, at_ns, thread, channel))
        return id_

    @guarded
    def access(self, mode: str, uri: str, fields: Mapping[str, object]) -> int:
        """Record an access, with the fields of `provfs.journal.record.Access`; returns its id."""
        id_ = fields.get("id") or self.next_id()
        closed = fields.get("closed_ns") or clock_ns()
        record = {"uri": uri, "mode": mode, **fields, "closed_ns": closed, "id": id_}
        if self.threads.borders is not None:
            thread = fields.get("thread")
            record["context"] = self.threads.context_of(thread, writes=mode == "write")
        self.emit("access", record)
        return id_  # type: ignore[return-value] # fields are objects

    def read_whole(self, handle: ReadHandle, digest: str, closed_ns: int) -> int:
        """Record the first, complete and undisturbed read of a local file; the frequent case.

        May raise, callers are guarded.
        """
        id_ = next(self._ids)
        me = self._me or self.begin()
        self._append(handle.line(me.text, id_, digest, closed_ns), handle.thread)
        return id_

    @guarded
    def written_whole(self, handle: WriteHandle, state: bytes | str, digest: str) -> None:
        """Record the write of a local file whose content passed in order; the frequent case."""
        me = self._me or self.begin()
        self._append(handle.line(me.text, state, digest, clock_ns()), handle.thread, writes=True)

    def _append(self, record: bytes, thread: int | None = None, *, writes: bool = False) -> None:
        """Append the line of a record; that of an access in the context of its thread."""
        if self._moves:
            self._settle(get_ident())
        if thread is not None and self.threads.borders is not None:
            name = self.threads.context_of(thread, writes=writes)
            if name is not None:
                context = quoted(name).encode("utf-8", "replace")
                record = b'%b,"context":%b}\n' % (record[:-2], context)
        if self._writer is not None:
            self._writer.append(record)

    def remember(self, key: Any, entry: Known) -> None:
        """Keep a version that was read, so that reading it again is only counted."""
        borders = self.threads.borders
        if borders is not None and borders.is_passing(entry.thread):
            return
        known = self.known
        previous = known.pop(key, None)
        if previous is not None and previous.opens:
            self._write_count(key, previous)
        if len(known) >= KNOWN_LIMIT:  # many at once: the first of a table is slow to find
            for old in list(islice(known, KNOWN_LIMIT // 16 or 1)):
                forgotten = known.pop(old, None)
                if forgotten is not None and forgotten.opens:
                    self._write_count(old, forgotten)
        known[key] = entry

    def reopened(self, entry: Known) -> None:
        """Count one further read of a known version, at its opening."""
        if not entry.opens:
            entry.first_ns = entry.last_ns = clock_ns()
        entry.opens += 1

    def reclosed(self, entry: Known) -> None:
        """Take note that a handle of a known version was closed and the file had not changed."""
        entry.last_ns = now = clock_ns()
        if now > self.flush_at_ns:
            self.flush()

    @guarded
    def read_object(
        self, uri: str, fingerprint: str | None, fields: Mapping[str, object]
    ) -> int | None:
        """Record the read of a remote or in-memory object, or count it if this version is known.

        Without a fingerprint the digest says which version it is; without both nothing is merged.
        """
        digest, thread, channel = fields.get("digest"), fields["thread"], fields["channel"]
        version = fingerprint or digest
        key = (uri, thread)
        known = self.known.get(key)
        if (
            version is not None
            and known is not None
            and known.state == version
            and digest in {known.digest, None}
        ):
            self.reopened(known)
            self.reclosed(known)
            return known.id
        id_ = self.access("read", uri, {**fields, "fingerprint": fingerprint})
        if id_ is not None and version is not None:
            self.remember(key, Known(key, id_, uri, version, digest, thread, channel))  # type: ignore[arg-type] # fields are objects
        return id_

    @guarded
    def moved(
        self,
        uri: str,
        to: str | None,
        path: str,
        identity: tuple[int, ...],
        fingerprint: str | None,
        channel: str,
    ) -> None:
        """Record a rename (`to`) or removal (None) that is about to happen; later see if it did.

        `path` is the name that will be gone then, `identity` (device, inode) of what is there now.
        """
        id_ = self.next_id()
        fields = {
            "id": id_,
            "uri": uri,
            "to": to,
            "at_ns": clock_ns(),
            "fingerprint": fingerprint,
            "channel": channel,
        }
        self.emit("remove" if to is None else "rename", fields)
        if self._moves.full:
            self._settle(None)
        self._moves.append((get_ident(), path, id_, identity))

    @guarded
    def failed(self, id_: int) -> None:
        """Record that the opening, rename or removal of this id did not happen."""
        self.emit("failed", {"id": id_, "at_ns": clock_ns()})

    @guarded
    def wait(
        self,
        child_pid: int,
        child: str | None,
        exit_code: int | None,
        cpu_s: float | None = None,
        max_rss_bytes: int | None = None,
        moved: tuple[int | None, int | None] = (None, None),
        began_ns: int | None = None,
    ) -> None:
        """Record that a child process had ended when a wait of this process returned."""
        fields = {
            "child_pid": child_pid,
            "at_ns": clock_ns(),
            "began_ns": began_ns,
            "child": child,
            "exit_code": exit_code,
            "cpu_s": cpu_s,
            "max_rss_bytes": max_rss_bytes,
        }
        self.emit("wait", {**fields, "read_bytes": moved[0], "written_bytes": moved[1]})

    @guarded
    def gap(self, kind: str, detail: str | None, channel: str, missing: int = 1) -> None:
        """Record that something is known to be missing."""
        fields = {"kind": kind, "count": missing, "detail": detail, "channel": channel}
        self.emit("gap", {"at_ns": clock_ns(), **fields})

    @guarded
    def flush(self) -> None:
        """Write the counts of repeated reads that have gathered."""
        self._interval_ns = min(2 * self._interval_ns, FLUSH_LONGEST_NS)
        self.flush_at_ns = clock_ns() + self._interval_ns
        for key, entry in list(self.known.items()):
            if entry.opens:
                self._write_count(key, entry)

    @guarded
    def finish(self) -> None:
        """Write what is pending, and the `exit` record; capture goes on, should more happen."""
        if self._me is None or self._finished:
            return
        for settle in self.at_finish:
            settle()
        self._settle(None)
        self.flush()
        if self.known or self._description is not None:
            self.describe()
        lost = self.lost + (self._writer.lost if self._writer else 0)
        self._finished = True
        self.emit("exit", {"at_ns": clock_ns(), **exit_fields(), "lost_records": lost})

    def _write_count(self, key: Any, entry: Known) -> None:
        counted, entry.opens = entry.count_line(key, (self._me or self.begin()).text), 0
        self._append(counted, entry.thread)

    def _settle(self, thread: int | None) -> None:
        """Write `failed` for moves of this thread (of all if None) that did not happen."""
        for id_ in self._moves.failed(thread):
            self.emit("failed", {"id": id_, "at_ns": clock_ns()})

    @guarded
    def describe(self) -> None:
        """Record with which code and packages this process runs, as far as that is new."""
        if self._description is None:
            from provfs.capture.identity.description import Description  # noqa: PLC0415 - not at start

            home = os.path.dirname(self._directory)
            self._description = Description(self, home, self._older_modules)
        self._description.tell()

    def _after_fork(self) -> None:
        """Begin anew in a fork child; digests stay known, counts and the parent's file do not."""
        try:
            self._forked_ns = clock_ns()
            if self._me is not None:
                self._forked_from = self._me
                self._older_modules = len(sys.modules)
            self._me = None
            if self._writer is not None:
                self._writer.abandon()
                self._writer = None
            if self.known:
                self.inherited = self.known
            self.known, self._moves = {}, PendingMoves()
            self.busy = set()
            self.lost, self._finished = 0, False
            self._ids = count(1)
            self.threads.after_fork()
            self._description = None
            self._interval_ns, self.flush_at_ns = FLUSH_FIRST_NS, self._forked_ns + FLUSH_FIRST_NS
            self.generation = os.getpid()
        except Exception:  # noqa: BLE001 - a child must start whatever happens here
            self.lost += 1
