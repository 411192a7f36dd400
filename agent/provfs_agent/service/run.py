"""Run an agent: wait for something to do, hear signals, tell the service manager and the status.

Contract: SIGTERM and SIGINT end it within `DRAIN_S`, SIGHUP reads the configuration again; a
configuration that cannot be used changes nothing. Lines on stderr are JSON objects. Not here: what
is done, see `provfs_agent.service.agent`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from provfs import config
from provfs.errors import ConfigError, ProvfsError
from provfs_agent.content.steady import ignore_lease_breaks
from provfs_agent.service.agent import Agent
from provfs_agent.service.metrics import MetricsServer
from provfs_agent.service.notify import Notifier
from provfs_agent.service.only_one import only_agent
from provfs_agent.service.status import write_status
from provfs_agent.service.watched import Unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provfs_agent.events import Backend, WatchSettings

DRAIN_S = 8.0
"""Longest time that an end in order may take; the service manager kills after ten."""

_TICK_S = 1.0
_STATUS_S = 2.0
_IDLE_STATUS_S = 10.0
_ALWAYS_TOLD_S = 60.0


class Log:
    """Structured lines on stderr; the same line at most once a minute, with how often it was."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}

    def __call__(self, event: str, **fields: Any) -> None:
        """Say that something happened."""
        key = json.dumps([event, fields], default=str)
        now = time.monotonic()
        last, swallowed = self._told.get(key, (-_ALWAYS_TOLD_S, 0))
        if now - last < _ALWAYS_TOLD_S:
            self._told[key] = (last, swallowed + 1)
            return
        if len(self._told) > 1000:  # noqa: PLR2004 - a bound, not a measure
            self._told.clear()
        self._told[key] = (now, 0)
        line = {"at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), "event": event}
        if swallowed:
            fields["repeated"] = swallowed
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(json.dumps({**line, **fields}, default=str) + "\n")
            sys.stderr.flush()


def roots_of(named: Sequence[str], options: config.AgentSettings) -> list[str]:
    """Return what is to be watched: what was named, else what the configuration names.

    Raises:
        ConfigError: Nothing is, or a root may not be watched.
    """
    roots = list(named or options.watch)
    if not roots:
        msg = "there is nothing to watch"
        hint = 'name directories, or put them into config.toml: [agent] watch = ["DIR"]'
        raise ConfigError(msg, hint=hint)
    resolved = [root if "://" in root else os.path.realpath(root) for root in roots]
    for root in resolved:
        if root in _NEVER:
            msg = f"{root} cannot be watched as a whole: it would hold up the system itself"
            raise ConfigError(msg, hint="name the directories that hold data")
    return list(dict.fromkeys(resolved))


_NEVER = frozenset({"/", "/proc", "/sys", "/dev", "/run", "/var/log", "/etc", "/usr"})


class Signals:
    """The signals that ask for something, as a descriptor and two flags."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Hear them while inside, in the main thread."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._on) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._read)
            os.close(self._write)

    def fileno(self) -> int:
        """Return a descriptor that is readable after a signal."""
        return self._read

    def clear(self) -> None:
        """Forget that there was one; the flags stay."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)

    def _on(self, number: int, _: object) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        else:
            self.stop = True
        with contextlib.suppress(OSError):
            os.write(self._write, b"\0")


def watch(
    settings: config.Settings,
    named: Sequence[str],
    choose: Callable[[str, WatchSettings], Backend],
) -> int:
    """Watch until a signal ends it; return the exit status.

    Raises:
        ConfigError: There is nothing to watch, or the home cannot be used.
        AgentRunningError: Another agent serves the home.
    """
    options = config.resolve_agent(settings)
    roots = roots_of(named, options)
    config.prepare_home(settings)
    log, notifier, signals = Log(), Notifier(), Signals()
    with only_agent(settings.home, roots), signals.heard():
        ignore_lease_breaks()
        agent = Agent(settings, options, roots, choose, log)
        metrics = _metrics(options, agent, log)
        log("started", pid=os.getpid(), home=str(settings.home), roots=roots)
        agent.start()
        notifier.ready()
        try:
            _serve(agent, signals, notifier, log, named)
        finally:
            notifier.stopping()
            log("stopping")
            agent.stop(DRAIN_S)
            if metrics is not None:
                metrics.stop()
            write_status(settings.home, {**agent.facts(), "ended": time.time()})
            log("ended")
    return 0


def once(settings: config.Settings, named: Sequence[str]) -> dict[str, Any]:
    """Find out what changed since the last time, tell it, and return the status.

    Raises:
        ConfigError: There is nothing to look at, or the home cannot be used.
        AgentRunningError: An agent serves the home already.
        ProvfsError: It was interrupted, or a root is not there.
    """
    options = config.resolve_agent(settings)._replace(ingest_interval_s=0.05)
    roots = roots_of(named, options)
    config.prepare_home(settings)
    log, signals = Log(), Signals()
    with only_agent(settings.home, roots), signals.heard():
        ignore_lease_breaks()
        agent = Agent(settings, options, roots, Unwatched, log)
        agent.start()
        try:
            missing = [watched for watched in agent.roots if not watched.is_watched]
            if missing:
                msg = f"{missing[0].root} cannot be looked at: {missing[0].problem}"
                raise ProvfsError(msg, hint="name a directory that is there and can be read")
            while not signals.stop and not agent.is_idle:
                if not agent.step():
                    _wait(agent, signals, 0.05)
                if agent.writer.last_error:
                    raise ProvfsError(agent.writer.last_error, hint="then again: provfs-agent once")
        finally:
            agent.stop(DRAIN_S)
        facts = agent.facts()
    if signals.stop:
        raise KeyboardInterrupt
    return facts


def _serve(
    agent: Agent, signals: Signals, notifier: Notifier, log: Log, named: Sequence[str]
) -> None:
    ticked = told = alive = 0.0
    news: tuple[object, ...] = ()
    while not signals.stop:
        more = agent.step()
        now = time.monotonic()
        if now - ticked >= _TICK_S:
            agent.tick()
            ticked = now
        facts = None
        if now - told >= (_STATUS_S if news != _news(agent) else _IDLE_STATUS_S):
            news, told = _news(agent), now
            facts = agent.last_facts = agent.facts()
            write_status(agent.settings.home, facts)
            for problem in facts["problems"]:
                log("problem", detail=problem)
        if notifier.watchdog_s is not None and now - alive >= notifier.watchdog_s:
            alive = now
            notifier.alive(f"watching {len(agent.roots)} roots")
        if signals.reload:
            signals.reload = False
            notifier.reloading()
            _reload(agent, log, named)
            told = 0.0
            notifier.ready()
        if not more:
            _wait(agent, signals, _TICK_S)


def _news(agent: Agent) -> tuple[object, ...]:
    """Return what makes the status worth writing again soon."""
    problems = (watched.problem for watched in agent.roots)
    return (agent.journal.records, agent.writer.last_error, *problems)


def _wait(agent: Agent, signals: Signals, longest_s: float) -> None:
    poll = select.poll()
    for descriptor in (signals.fileno(), *agent.descriptors()):
        poll.register(descriptor, select.POLLIN)
    poll.poll(agent.waits_s(longest_s) * 1000)
    signals.clear()


def _reload(agent: Agent, log: Log, named: Sequence[str]) -> None:
    try:
        settings = config.resolve(agent.settings.home)
        options = config.resolve_agent(settings)
        roots = roots_of(named, options)
    except ConfigError as error:
        log("not-reloaded", reason=error.message)
        return
    agent.writer.settings = settings
    agent.watch_only(roots, options)
    log("reloaded", roots=roots)


def _metrics(options: config.AgentSettings, agent: Agent, log: Log) -> MetricsServer | None:
    if not options.metrics_port:
        return None
    try:
        server = MetricsServer(options.metrics_port, lambda: agent.last_facts)
    except OSError as error:
        log("no-metrics", reason=str(error))
        return None
    log("metrics", port=server.port)
    return server
