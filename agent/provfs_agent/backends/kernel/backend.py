"""The kernel's events as a back end: levels A (gate and ledger) and B (ledger alone).

Contract: a gate that ends is started again, once in `_FORGIVEN_S`; a second end, or openers that
wait too long, make this step down to B for good. Either is told by an `overflow` that comes when
everything is marked again, so that what is compared with the disk then is complete.
Not here: which level is tried first, see `provfs_agent.backends.choose`.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import OrderedDict
from contextlib import suppress
from typing import NamedTuple

import msgspec

from provfs_agent.attribute import describe
from provfs_agent.backends.kernel import fanotify, wire
from provfs_agent.backends.kernel.child import Child
from provfs_agent.backends.kernel.guard import SLOW_S, Guard, Patience
from provfs_agent.backends.kernel.ledger import Plan
from provfs_agent.backends.kernel.names import Names
from provfs_agent.backends.order import Merge
from provfs_agent.events import Actor, BackendName, BackendStatus, FileKey, RawEvent, WatchSettings

PATIENCE_S = 10.0
_FORGIVEN_S = 300.0
_KNOWN_ACTORS = 4096
_SAME_PROCESS_NS = 10_000_000_000
"""Within this time no number of a process is given to another one."""

_PACKETS = 2000
_LEDGER_FAILED = "the ledger ended"
_ASK = msgspec.msgpack.encode([wire.Ask()])
_NEVER_GATED = (
    *("/", "/proc", "/sys", "/dev", "/run", "/usr", "/bin", "/sbin", "/lib", "/etc", "/boot"),
    "/var/log",
)
_NEVER_BELOW = (
    *("/proc", "/sys", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/boot", "/var/log"),
)
_HOLES_A = ("Descriptors that were open before the start are seen only when they are closed.",)
_HOLES_B = (
    "Processes that end within 10 ms of an event may stay unknown.",
    "The order of the events of one file between two readings is not known.",
)
_HOLES_DIRECTORIES = (
    "What happens in a new directory before it is marked is found by listing it.",
)


class _Seen(NamedTuple):
    seen: wire.SeenEvent
    name: BackendName
    path: str
    actor: Actor | None


class KernelBackend:
    """One root, watched through fanotify.

    Args:
        root: Absolute path of a directory, without symbolic links.
        settings: How to watch.
        with_gate: Whether to begin at level A.
        patience_s: How long openers may wait noticeably before the gate is given up.
    """

    def __init__(
        self, root: str, settings: WatchSettings, *, with_gate: bool, patience_s: float = PATIENCE_S
    ) -> None:
        self.root = root
        self._settings = settings
        self._with_gate = with_gate
        self._patience_s = patience_s
        self._patience = Patience(patience_s)
        self._marks = _marks(root, settings)
        self._poll = select.epoll()
        self._gate: Child | None = None
        self._ledger: Child | None = None
        self._guard: Guard | None = None
        self._actors: dict[BackendName, OrderedDict[int, Actor]] = {}
        self._of_pid: OrderedDict[int, tuple[int, Actor]] = OrderedDict()
        self._reports: dict[BackendName, wire.Report] = {}
        self._names = Names()
        self._seq = 0
        self._gate_ended_s = float("-inf")
        self._pending: list[str] = []
        self._merge: Merge[_Seen] = Merge()
        self._lost = 0
        self._stepped_down = ""
        self._below = os.path.join(root, "")

    def start(self) -> None:
        """Begin to watch; return when everything is marked.

        Raises:
            OSError: The kernel refuses, or the root must not be watched like this.
        """
        if self._ledger is not None:
            return
        if self._with_gate:
            _check_gate_allowed(self.root)
        try:
            self._start()
        except OSError:
            self.stop()
            raise

    def events(self, timeout_s: float) -> list[RawEvent]:
        """Return what was seen.

        Raises:
            OSError: The ledger ended; nothing more comes.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            self._collect()
            seen = self._merge.take()
            self._ask()
            left_s = until_s - time.monotonic()
            if seen or left_s <= 0:
                return [self._event(*each) for each in seen]
            with suppress(InterruptedError):
                self._poll.poll(left_s)

    def complete_ns(self, wanted_ns: int) -> int:
        """Return until when everything has been told."""
        complete_ns = self._merge.complete_ns(wanted_ns)
        if complete_ns < wanted_ns:
            self._ask(wanted_ns)
        return complete_ns

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something."""
        return self._poll.fileno()

    def status(self) -> BackendStatus:
        """Return how well it sees now."""
        gate, ledger = self._reports.get("gate"), self._reports.get("ledger")
        level_a = self._gate is not None
        holes = _HOLES_A if level_a else _HOLES_B
        return BackendStatus(
            level="A" if level_a else "B",
            name="fanotify, gate and ledger" if level_a else "fanotify, ledger",
            attribution="exact" if level_a else "best-effort",
            reads_visible=True,
            marks=ledger.marks if ledger else 0,
            queue_depth=len(self._merge) + sum(each.waiting for each in (gate, ledger) if each),
            lost=self._lost,
            stepped_down=self._stepped_down,
            holes=holes + (_HOLES_DIRECTORIES if self._marks == "directory" else ()),
            answer_p99_ms=round(max(gate.p99_ns, 0) / 1e6, 3) if gate and level_a else None,
        )

    def stop(self) -> None:
        """End both processes and take back all marks."""
        if self._guard is not None:
            self._guard.stop()
            self._guard = None
        for child in (self._gate, self._ledger):
            if child is not None:
                child.end()
        self._gate = self._ledger = None
        if not self._poll.closed:
            self._poll.close()

    def _start(self) -> None:
        own = tuple(self._settings.own_processes)
        ours, theirs = wire.pair()
        to_gate = None
        if self._with_gate:
            self._guard = Guard(self._patience_s)
            to_gate = self._start_gate()
        plan = Plan(
            root=self.root,
            agent=os.getpid(),
            to_agent=theirs.fileno(),
            to_gate=to_gate.fileno() if to_gate else -1,
            marks=self._marks,
            own=own,
            skip_paths=self._settings.skip_paths,
            skip_names=tuple(self._settings.skip_names),
        )
        others = [to_gate] if to_gate else []
        argument = msgspec.json.encode(plan).decode()
        self._ledger = Child(f"{__package__}.ledger", theirs, ours, [argument], others)
        self._poll.register(ours, select.EPOLLIN)
        self._merge.join("ledger")
        ready = self._ledger.wait_until_ready()
        if ready.refused:
            raise OSError(ready.refused)
        self._marks = ready.mode
        self._reports["ledger"] = wire.Report(ready.marks, 0, 0)

    def _start_gate(self) -> socket.socket:
        """Start a gate that has marked nothing yet; return the socket that commands it."""
        assert self._guard is not None  # noqa: S101 - made before any gate
        ours, theirs = wire.pair()
        command, obey = wire.pair()
        arguments = [
            str(theirs.fileno()), str(obey.fileno()), str(os.getpid()), self.root,
            self._guard.folder, *map(str, self._settings.own_processes),
        ]  # fmt: skip
        self._gate = Child(f"{__package__}.gate", theirs, ours, arguments, [obey])
        self._guard.watch(self._gate.process.pid)
        self._gate.wait_until_ready()
        self._actors["gate"] = OrderedDict()
        self._patience = Patience(self._patience_s)
        self._poll.register(ours, select.EPOLLIN)
        self._merge.join("gate")
        return command

    def _ask(self, wanted_ns: int = 0) -> None:
        """Have those say how far they are who hold up what the other one has told."""
        for channel in self._merge.to_ask(wanted_ns):
            child = self._gate if channel == "gate" else self._ledger
            if child is not None:
                with suppress(OSError):
                    child.socket.send(_ASK, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _collect(self) -> None:
        try:
            if self._gate is not None:
                self._take(self._gate.socket, "gate")
        except EOFError:
            self._gate_ended()
        try:
            if self._ledger is not None:
                self._take(self._ledger.socket, "ledger")
        except EOFError as error:
            raise OSError(_LEDGER_FAILED) from error

    def _take(self, end: socket.socket, name: BackendName) -> None:
        for _ in range(_PACKETS):
            messages = wire.receive(end, wait=False)
            if messages is None:
                return
            for message in messages:
                if isinstance(message, wire.SeenEvent):
                    self._take_event(message, name)
                elif isinstance(message, wire.SeenProcess):
                    self._learn(name, message)
                elif isinstance(message, wire.Heard):
                    self._merge.heard(name, message.until_ns)
                elif isinstance(message, wire.Report):
                    self._reports[name] = message
                    if name == "gate":
                        self._judge(message)
                elif isinstance(message, wire.Ready) and name == "ledger":
                    self._tell_pending()

    def _learn(self, name: BackendName, message: wire.SeenProcess) -> None:
        actors = self._actors.setdefault(name, OrderedDict())
        actors[message.number] = describe(message.facts)
        if len(actors) > _KNOWN_ACTORS:
            actors.popitem(last=False)

    def _take_event(self, seen: wire.SeenEvent, name: BackendName) -> None:
        path = os.fsdecode(seen.path)
        if seen.handle is not None:
            path = self._path_of(seen.handle)
            if not path.startswith(self._below):
                return
        if self._marks == "filesystem" and self._is_left_out(path):
            return
        if seen.kind == "overflow":
            self._lost += seen.lost
        actors = self._actors.get(name)
        actor = actors.get(seen.process) if actors else None
        if actor is not None and (name == "gate" or actor.certain or seen.pid not in self._of_pid):
            self._of_pid[seen.pid] = seen.at_ns, actor
            self._of_pid.move_to_end(seen.pid)
            if len(self._of_pid) > _KNOWN_ACTORS:
                self._of_pid.popitem(last=False)
        self._merge.add(name, seen.at_ns, _Seen(seen, name, path, actor))

    def _event(
        self, seen: wire.SeenEvent, name: BackendName, path: str, actor: Actor | None
    ) -> RawEvent:
        self._seq += 1
        if actor is None or not actor.certain:
            actor = self._better(actor, seen)
        file = FileKey(seen.device, seen.inode) if seen.inode else None
        path = self._names.told(seen.kind, path, file, is_directory=seen.is_directory)
        return RawEvent(
            seq=self._seq,
            at_ns=seen.at_ns,
            backend=name,
            kind=seen.kind,
            path=path,
            old_path=os.fsdecode(seen.old_path) or None,
            is_directory=seen.is_directory,
            file=file,
            actor=actor,
            order="certain" if seen.certain else "merged",
            lost=seen.lost,
            detail=seen.detail,
        )

    def _better(self, actor: Actor | None, seen: wire.SeenEvent) -> Actor | None:
        """Return what the other channel knows of a process that one came too late to read."""
        at_ns, known = self._of_pid.get(seen.pid, (0, None))
        if known is None or abs(seen.at_ns - at_ns) > _SAME_PROCESS_NS:
            return actor
        return known if actor is None or actor.process == known.process else actor

    def _path_of(self, handle: tuple[bytes, int, bytes]) -> str:
        with suppress(OSError):
            mount = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                return os.fsdecode(fanotify.path_of_handle(mount, fanotify.Handle(*handle)))
            finally:
                os.close(mount)
        return ""

    def _is_left_out(self, path: str) -> bool:
        if self._settings.skip_names.intersection(path[len(self._below) :].split("/")[:-1]):
            return True
        return any(path.startswith(os.path.join(each, "")) for each in self._settings.skip_paths)

    def _judge(self, report: wire.Report) -> None:
        wait_s = report.p99_ns / 1e9
        if report.p99_ns >= 0 and self._patience.is_over(time.monotonic(), wait_s):
            assert self._guard is not None  # noqa: S101 - made before any gate
            self._guard.kill(f"openers waited more than {SLOW_S * 1000:.0f} ms for too long")

    def _gate_ended(self) -> None:
        if self._gate is None or self._ledger is None or self._guard is None:
            return
        self._poll.unregister(self._gate.socket)
        self._gate.end()
        self._gate = None
        self._merge.leave("gate")
        self._reports.pop("gate", None)
        killed_because = self._guard.reason
        reason = killed_because or "the gate ended"
        self._guard.kill(reason)
        now_s = time.monotonic()
        again = now_s - self._gate_ended_s > _FORGIVEN_S and not killed_because
        self._gate_ended_s = now_s
        if again:
            try:
                command = self._start_gate()
            except OSError as error:
                reason = f"{reason}, and could not be started again: {error}"
            else:
                with suppress(OSError):
                    wire.send_with_end(self._ledger.socket, wire.UseGate(), command)
                command.close()
                self._pending.append(f"{reason} and was started again")
                return
        self._stepped_down = reason if killed_because else f"{reason} twice"
        self._pending.append(f"{reason}; openings are seen by the ledger from now on")
        with suppress(OSError):
            wire.send(self._ledger.socket, wire.TakeOver())

    def _tell_pending(self) -> None:
        """Tell the gaps that end now, because the ledger has marked everything again."""
        for detail in self._pending:
            seen = wire.overflow(os.fsencode(self.root), detail)
            self._merge.add("ledger", seen.at_ns, _Seen(seen, "gate", self.root, None))
        self._pending.clear()


def _marks(root: str, settings: WatchSettings) -> str:
    """Return how to mark, as `Plan.marks`."""
    if settings.whole_filesystem is None:
        is_own = root != "/" and os.path.ismount(root)
        return "filesystem" if is_own else "names"
    return "filesystem" if settings.whole_filesystem else "directory"


def _check_gate_allowed(root: str) -> None:
    """Refuse roots whose openers include the system itself, or what a gate needs to go on."""
    below = os.path.join(root, "")
    if root in _NEVER_GATED or any(each.startswith(below) for each in _NEVER_GATED):
        raise PermissionError(1, "the system itself would wait for the gate", root)
    if any(below.startswith(each + "/") for each in _NEVER_BELOW):
        raise PermissionError(1, "this belongs to the system, which must not wait for a gate", root)
