"""The agent: events in, facts out, a little of everything in each step, and no waiting.

Contract: `start` marks the roots, then has them compared with what is known; `step` takes what is
there and returns; `stop` drains. What a root missed while it was not watched is a gap that says
from when to when. One thread calls all of it. Not here: signals and waiting, see
`provfs_agent.service.run`.
"""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING, Any

from provfs.model import uri_of_path
from provfs.scope import Scope
from provfs_agent.content.hasher import Hasher
from provfs_agent.events import clock_ns
from provfs_agent.facts import Appeared, Fact, Lost
from provfs_agent.known.catchup import CatchUp
from provfs_agent.known.index import Index
from provfs_agent.known.scan import state_of
from provfs_agent.service.contents import Contents
from provfs_agent.service.journal import AgentJournal
from provfs_agent.service.log_writer import LogWriter
from provfs_agent.service.replay import told_since
from provfs_agent.service.status import problems_of
from provfs_agent.service.watched import (
    SKIPPED_NAMES,
    Watched,
    is_there,
    span,
    wall_s,
    watch_settings,
)
from provfs_agent.settle import Settler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provfs.config import AgentSettings, Settings
    from provfs_agent.events import Backend, RawEvent, WatchSettings
    from provfs_agent.unsettled import Quiet

INDEX_NAME = "agent.index"
_LOOKED_AT_MAX = 256
_SEEN_S = 5.0
_SHORT_S = 3.0
_LAST_EVENTS_S = 1.0
_NOT_COMPLETE_S = 0.02
"""So long it waits to be told, by a descriptor that gets readable, that what is due is complete."""

_FIRST_RESCAN_PAUSE_S, _LONGEST_RESCAN_PAUSE_S = 1.0, 300.0


class Agent:
    """The agent of one home.

    Args:
        settings: Of the home, which exists.
        options: How to watch.
        roots: Absolute paths without links, and urls.
        choose: Returns the back end for a root.
        report: Told what an operator wants to know: a word for it, and fields.
        quiet: How long a file must be quiet; the default where None.
    """

    def __init__(
        self,
        settings: Settings,
        options: AgentSettings,
        roots: Sequence[str],
        choose: Callable[[str, WatchSettings], Backend],
        report: Callable[..., None] = lambda *_, **__: None,
        quiet: Quiet | None = None,
    ) -> None:
        self.settings, self.options = settings, options
        self._choose, self._report = choose, report
        self._home = os.path.realpath(settings.home)
        self.roots = [Watched(root, choose) for root in roots]
        self._scope = Scope(settings.include, settings.exclude, self._home)
        self.journal = AgentJournal(settings.journal_directory)
        self.index = Index(settings.home / INDEX_NAME)
        self.hasher = Hasher()
        self.settler = Settler(quiet)
        self.contents = Contents(
            self.journal, self.index, self.hasher, self._in_scope, self._look_again
        )
        self.catch_up = CatchUp(
            *(self.index, self.contents.take, self.settler.is_busy, self._is_skipped),
            complete_ns=self._complete_ns,
        )
        self.writer = LogWriter(settings, self.journal.name, options.ingest_interval_s)
        self._started_s = time.time()
        self._events = self._gaps = 0
        self._lag_s = self._event_s = 0.0
        self._rescans: dict[str, tuple[float, float]] = {}
        self._was_broken = False
        self._seen_s = 0.0
        self.last_facts: dict[str, Any] = {}

    def start(self) -> None:
        """Watch every root that can be watched, and begin to catch up."""
        self.journal.begin()
        for path in told_since(self.settings.journal_directory, self.index.told()):
            self.catch_up.doubt(path)
        self.index.begin(self.journal.name)
        for watched in self.roots:
            self._watch(watched)

    def step(self) -> bool:
        """Do what there is to do; return whether there is more at once."""
        took = self._take_events()
        now_ns = clock_ns()
        for fact in self.settler.due(self._settled_ns(now_ns)):
            self._take(fact)
        self.contents.advance(now_ns)
        free = _LOOKED_AT_MAX - max(len(self.contents), self.hasher.waiting)
        more = self.catch_up.step(now_ns, free)
        if unread := self.catch_up.take_unreadable():
            detail = f"{unread[0]} cannot be listed: what is below it is not known"
            self._gap("unreadable", detail, len(unread))
        self.writer.step(time.monotonic(), self.journal.records)
        return took or more

    def tick(self) -> None:
        """Do what is done about once a second: keep the index, look for roots, mend the journal."""
        mended = self.index.mend()
        if mended:
            for path in told_since(self.settings.journal_directory, self.index.told()):
                self.catch_up.doubt(path)
        if (self.journal.mend() and self._was_broken) or mended:
            for watched in self.roots:
                self._rescan(watched)
        self._was_broken = self.journal.is_broken
        now_s = time.monotonic()
        notes = now_s - self._seen_s >= _SEEN_S and not self.journal.is_broken
        self._seen_s = now_s if notes else self._seen_s
        for watched in self.roots:
            if not watched.is_watched and now_s >= watched.retry_s:
                self._watch(watched)
            elif watched.is_watched and not watched.is_remote:
                if watched.rescan_s <= now_s:
                    self._scan(watched)
                if notes and not self.catch_up.is_scanning:
                    self.index.mark_seen(watched.root, time.time_ns())
        self._commit()

    def _commit(self) -> None:
        """Keep the index, and forget earlier agents when all is told that they may have missed."""
        alone = not self.catch_up.has_doubts and not len(self.contents)
        self.index.commit(self.journal.name, self.journal.last_id, alone=alone)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Take what was seen, tell it, have it ingested where there is time, and end."""
        until = time.monotonic() + timeout_s
        self._take_last_events(min(_LAST_EVENTS_S, timeout_s / 4))
        for watched in self.roots:
            watched.stop()
        for fact in self.settler.flush(clock_ns()):
            self._take(fact)
        while len(self.contents) and time.monotonic() < until - timeout_s / 2:
            self.contents.advance(clock_ns())
            time.sleep(0.01)
        self.contents.flush()
        for watched in self.roots:
            if not watched.is_remote and not self.journal.is_broken and not watched.problem:
                self.index.mark_seen(watched.root, time.time_ns())
        self.journal.end()
        self._commit()
        self.index.close()
        self.hasher.stop(1.0)
        self.writer.hurry()
        while not self.writer.is_current and time.monotonic() < until:
            self.writer.step(time.monotonic(), self.journal.records)
            time.sleep(0.01)
        self.writer.close(max(0.1, until - time.monotonic()))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits: all that was seen and found is in the journal and in the log."""
        return (
            self.catch_up.is_done
            and not len(self.contents)
            and not self.contents.late
            and self.settler.next_due_ns() is None
            and self.writer.is_current
        )

    def waits_s(self, longest_s: float) -> float:
        """Return in how many seconds `step` has something to do without a new event."""
        times = [longest_s, self.hasher.next_due_s() or longest_s]
        if self.writer.fileno() is None:
            times.append(max(0.0, self.writer.due_s(time.monotonic())))
        due_ns = self.settler.next_due_ns()
        if due_ns is not None:
            left_s = (due_ns - clock_ns()) / 1e9
            times.append(left_s if left_s > 0 else _NOT_COMPLETE_S)
        if any(watched.is_watched and watched.fileno() is None for watched in self.roots):
            times.append(0.1)
        if len(self.contents) or not self.catch_up.is_done:
            times.append(0.05)
        return min(times)

    def descriptors(self) -> list[int]:
        """Return what is readable when `step` has something to do."""
        found = [self.hasher.fileno(), self.writer.fileno()]
        found += [watched.fileno() for watched in self.roots if watched.is_watched]
        return [descriptor for descriptor in found if descriptor is not None]

    def facts(self) -> dict[str, Any]:
        """Return the status."""
        ingested = self.writer.last_ingest_s
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "started": self._started_s,
            "at": time.time(),
            "roots": [watched.facts() for watched in self.roots],
            "events": self._events,
            "lag_s": self._lag_s,
            "event_ago_s": time.monotonic() - self._event_s,
            "settling": len(self.settler),
            "waiting": len(self.contents),
            "to_look_at": self.catch_up.waiting,
            "catching_up": self.catch_up.is_scanning,
            "hashing": self.hasher.waiting,
            "hashed_files": self.hasher.hashed_files,
            "hashed_bytes": self.hasher.hashed_bytes,
            "unsettled": self.contents.unsettled,
            "records": self.journal.records,
            "index_broken": self.index.is_broken,
            "lost_records": self.journal.lost,
            "last_lost_record": self.journal.last_loss.facts(),
            "gaps": self._gaps,
            "log_age_s": None if ingested is None else time.monotonic() - ingested,
            "log_error": self.writer.last_error,
            "resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        return {**facts, "problems": problems_of(facts)}

    def watch_only(self, roots: Sequence[str], options: AgentSettings) -> None:
        """Watch other roots from now on; those that stay are not touched."""
        self.options = options
        self.writer.interval_s = options.ingest_interval_s
        for watched in [one for one in self.roots if one.root not in roots]:
            watched.stop()
            self.roots.remove(watched)
        present = {watched.root for watched in self.roots}
        for root in roots:
            if root not in present:
                watched = Watched(root, self._choose)
                self.roots.append(watched)
                self._watch(watched)

    def _watch(self, watched: Watched) -> None:
        pids = {os.getpid(), *([self.writer.pid] if self.writer.pid else [])}
        settings = watch_settings(self.options, self._home, pids)
        before = watched.problem
        if not watched.is_remote and not is_there(watched.root):
            watched.stop("it is not there, or cannot be listed")
        elif watched.start(settings):
            status = watched.status()
            self._report("watching", root=watched.root, level=status.level if status else "")
            if not watched.is_remote:
                self._catch_up(watched)
        if watched.problem and watched.problem != before:
            self._report("not-watched", root=watched.root, reason=watched.problem)

    def _catch_up(self, watched: Watched) -> None:
        """Tell since when a root was not watched, and have it compared."""
        root = watched.root
        seen_ns = self.index.seen_ns(root)
        if seen_ns is not None and abs(time.time() - seen_ns / 1e9) > _SHORT_S:
            self._gap("unwatched", f"{root} {span(seen_ns / 1e9, time.time())}")
        self._scan(watched)

    def _scan(self, watched: Watched) -> None:
        """Have a root compared with what is known of it, unless its filesystem is away."""
        watched.rescan_s = time.monotonic() + self.options.rescan_interval_s
        if self.catch_up.is_away(watched.root):
            detail = f"{watched.root} is empty, as where a filesystem is not mounted"
            self._gap("root-empty", f"{detail}; what was there is not told removed")
        else:
            self.catch_up.scan(watched.root)

    def _settled_ns(self, now_ns: int) -> int:
        """Return the moment by which files may count as settled.

        A slow channel may still have to tell who changed what another one has seen closed; waiting
        begins when it has told everything.
        """
        due_ns = self.settler.next_due_ns()
        if due_ns is None or due_ns > now_ns:
            return now_ns
        quiet_ns = self.settler.quiet.closed_ns
        return min(now_ns, self._complete_ns(due_ns - quiet_ns) + quiet_ns)

    def _complete_ns(self, wanted_ns: int) -> int:
        """Return until when all that happened has been seen, up to `wanted_ns`."""
        complete = (watched.complete_ns(wanted_ns) for watched in self.roots)
        return min(complete, default=wanted_ns)

    def _take_last_events(self, longest_s: float) -> None:
        """Take what happened until now, which can be on its way still."""
        end_ns, until_s = clock_ns(), time.monotonic() + longest_s
        self._take_events()
        while self._complete_ns(end_ns) < end_ns:
            if time.monotonic() >= until_s:
                break
            time.sleep(0.002)
            self._take_events()

    def _take_events(self) -> bool:
        took = False
        for watched in self.roots:
            for event in watched.events():
                took = True
                self._feed(event, watched)
        return took

    def _feed(self, event: RawEvent, watched: Watched) -> None:
        self._events += 1
        self._lag_s = max(0.0, (clock_ns() - event.at_ns) / 1e9)
        self._event_s = time.monotonic()
        if event.kind in {"overflow", "gone"}:
            self.settler.feed(event, None, watched.root)
        elif event.backend == "remote":
            kind = {"create": "created", "modify": "modified", "delete": "removed"}.get(event.kind)
            if kind is not None and self._scope.decide(event.path).captured:
                self.journal.remote(kind, event.path, event.at_ns, event.detail or None)
        elif self._concerns_us(event):
            looks = event.kind in {"close_read", "close_write", "rename"} and not event.is_directory
            self.settler.feed(event, state_of(event.path) if looks else None, watched.root)

    def _concerns_us(self, event: RawEvent) -> bool:
        if event.actor is None:
            if event.kind in {"open", "close_read"} and not event.is_directory:
                return self._in_scope(event.path) and not self.hasher.own_reads.take(
                    event.kind, event.path
                )
        elif event.actor.process.pid in {os.getpid(), self.writer.pid}:
            return False
        if event.is_directory:
            return not self._is_skipped(event.path)
        if event.kind == "create" and state_of(event.path) is None and os.path.lexists(event.path):
            return False  # a symbolic link, a pipe, a socket
        return self._in_scope(event.path) or (
            event.old_path is not None and self._in_scope(event.old_path)
        )

    def _take(self, fact: Fact) -> None:
        if isinstance(fact, Appeared):
            self.catch_up.look_again(fact.path)
        elif isinstance(fact, Lost):
            self._lost(fact)
        else:
            self.contents.take(fact)

    def _lost(self, fact: Lost) -> None:
        moments = span(wall_s(fact.from_ns), wall_s(fact.to_ns))
        self._gap(fact.kind, f"{fact.root} {moments} {fact.detail}".strip(), fact.count or 1)
        for watched in self.roots:
            if watched.root == fact.root:
                watched.lose()
                if fact.is_gone:
                    watched.stop(fact.detail or "it is gone")
                else:
                    self._rescan(watched)

    def _rescan(self, watched: Watched) -> None:
        """Compare a root soon; the more often that is needed, the later."""
        now_s = time.monotonic()
        last_s, pause_s = self._rescans.get(watched.root, (0.0, _FIRST_RESCAN_PAUSE_S))
        if now_s - last_s > 2 * _LONGEST_RESCAN_PAUSE_S:
            pause_s = _FIRST_RESCAN_PAUSE_S
        self._rescans[watched.root] = (now_s, min(2 * pause_s, _LONGEST_RESCAN_PAUSE_S))
        watched.rescan_s = min(watched.rescan_s or now_s + pause_s, now_s + pause_s)

    def _gap(self, kind: str, detail: str, count: int = 1) -> None:
        self._gaps += 1
        self.journal.gap(kind, detail, count)
        self._report("gap", kind=kind, detail=detail, count=count)

    def _look_again(self, path: str) -> None:
        self.catch_up.look_again(path)

    def _in_scope(self, path: str) -> bool:
        return self._scope.decide(uri_of_path(path)).captured

    def _is_skipped(self, directory: str) -> bool:
        return (
            directory == self._home
            or directory.startswith(self._home + "/")
            or os.path.basename(directory) in SKIPPED_NAMES
        )
