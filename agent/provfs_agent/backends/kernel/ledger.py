"""The process that keeps the tree: what is made, removed, renamed, changed below the root, and who.

Contract: marks every directory before it lists it, also those that appear later, and tells the gate
to; names are those of the moment that the events describe. It only listens: nobody waits for it.
What happens outside the root is left out. A new directory can be written before it is marked; with
a mark on the filesystem the creations in it are told all the same, else they are found by listing.
Not here: openings and closings under a gate, see `gate` beside this file; the tree itself, see
`tree` and `names`.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from provfs_agent.attribute import ProcessReader
from provfs_agent.backends.kernel import fanotify, wire
from provfs_agent.backends.kernel.gate import REPORT_S, end_with_parent, raise_limits
from provfs_agent.backends.kernel.tree import Tree
from provfs_agent.events import FileKey, Kind, clock_ns

if TYPE_CHECKING:
    from provfs_agent.backends.kernel.fanotify import Handle, KernelEvent, Where

_BUFFER_BYTES = 1 << 16
_PACKETS = 64
_ELSEWHERE_S = 0.002
"""So long it rests after events that are all from outside the root, which would wake it often."""

_FILE_KINDS: Final[tuple[tuple[int, Kind], ...]] = (
    (fanotify.CREATE, "create"),
    (fanotify.OPEN, "open"),
    (fanotify.MODIFY, "modify"),
    (fanotify.ATTRIB, "attrib"),
    (fanotify.CLOSE_WRITE, "close_write"),
    (fanotify.CLOSE_NOWRITE, "close_read"),
    (fanotify.DELETE, "delete"),
)
_DIRECTORY_KINDS: Final[tuple[tuple[int, Kind], ...]] = (
    (fanotify.CREATE, "create"),
    (fanotify.ATTRIB, "attrib"),
    (fanotify.DELETE, "delete"),
)


class Plan(msgspec.Struct, frozen=True):
    """What the ledger is to do, as its argument.

    `to_gate` is the descriptor of the socket to the gate, -1 where there is none; `marks` is
    `directory`, `names` (names on the filesystem, contents on directories) or `filesystem`.
    """

    root: str
    agent: int
    to_agent: int
    to_gate: int
    marks: str
    own: tuple[int, ...]
    skip_paths: tuple[str, ...]
    skip_names: tuple[str, ...]


def main(arguments: list[str]) -> NoReturn:
    """Run until the agent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    plan = msgspec.json.decode(arguments[0], type=Plan)
    to_agent = socket.socket(fileno=plan.to_agent)
    end_with_parent(plan.agent)
    raise_limits()
    gc.disable()
    try:
        ledger = Ledger(plan, to_agent)
        ledger.begin()
    except OSError as error:
        wire.send(to_agent, wire.Failed(error.errno or 0, str(error)))
        os._exit(1)
    with suppress(EOFError):
        ledger.run()
    os._exit(0)


class Ledger:
    """One watched root, in the process of its own.

    Args:
        plan: What to watch.
        to_agent: Where events go; commands come from there.

    Raises:
        OSError: Handles are not to be had here.
    """

    def __init__(self, plan: Plan, to_agent: socket.socket) -> None:
        self._plan = plan
        self._root = os.fsencode(plan.root)
        self._to_agent = to_agent
        self._outbox = wire.Outbox(to_agent)
        self._processes = ProcessReader(held=False)
        self._own = frozenset((plan.agent, *plan.own))
        self._tree = Tree(plan, socket.socket(fileno=plan.to_gate) if plan.to_gate >= 0 else None)
        self._tree.while_waiting = self._tell_alive
        self._hearing = wire.Hearing(self._tree.group, self._outbox)
        self._told_s = 0.0

    def begin(self) -> None:
        """Mark everything; what happens from now on is told."""
        refused = self._tree.begin()
        self._outbox.add(wire.Ready(self._tree.marks, refused, self._tree.mode))
        self._outbox.flush(now=True)

    def run(self) -> NoReturn:
        """Tell events until the agent ends.

        Raises:
            EOFError: It has ended.
        """
        poller = select.poll()
        poller.register(self._tree.group, select.POLLIN)
        while True:
            self._tell_alive()
            all_sent = self._outbox.flush()
            wanted = select.POLLIN if all_sent else select.POLLIN | select.POLLOUT
            poller.register(self._to_agent, wanted)
            gate = self._tree.gate_descriptor()
            if gate >= 0:
                poller.register(gate, select.POLLIN)
            ready = dict(poller.poll(self._outbox.wait_ms(REPORT_S * 1000)))
            if gate in ready:
                self._tree.hear_gate()
                if self._tree.gate_descriptor() < 0:
                    poller.unregister(gate)
            if self._tree.group in ready:
                self.drain()
            else:
                self._hearing.emptied()
            if ready.get(self._to_agent.fileno(), 0) & ~select.POLLOUT:
                self._obey()

    def drain(self) -> None:
        """Tell what the kernel has; after what happened elsewhere, take more of it at once."""
        try:
            buffer = os.read(self._tree.group, _BUFFER_BYTES)
        except BlockingIOError:
            self._hearing.emptied()
            return
        is_elsewhere = True
        for part in self._hearing.parts(buffer):
            for event in fanotify.parse(part, self._tree.directories.raw):
                is_elsewhere = False
                self._take(event)
        if is_elsewhere:
            time.sleep(_ELSEWHERE_S)

    def _take(self, event: KernelEvent) -> None:
        if event.mask & fanotify.Q_OVERFLOW:
            self._tell_loss("the queue of the kernel was full")
        elif event.mask & fanotify.RENAME:
            self._rename(event)
        elif event.mask & _SELF:
            if self._tree.root in {event.target, event.place and event.place.directory}:
                self._gone("the root was removed or renamed")
        elif event.place is not None:
            self._see(event, event.place)

    def _see(self, event: KernelEvent, place: Where) -> None:
        path = self._tree.path(place)
        if path is None:
            return
        is_directory = bool(event.mask & fanotify.ONDIR)
        if is_directory and event.mask & fanotify.CREATE and event.target is not None:
            if self._tree.is_left_out(path, place.name):
                return
            self._tell_kinds(event, path, _DIRECTORY_KINDS, is_directory)
            self._tree.appeared(event.target, place, path)
            if not self._tree.names_everywhere:
                self._tell_found(event.target, "")
            else:
                self._tree.mark_found(event.target)
            return
        self._tell_kinds(
            event, path, _DIRECTORY_KINDS if is_directory else _FILE_KINDS, is_directory
        )
        if is_directory and event.mask & fanotify.DELETE:
            self._tree.went(event.target)

    def _rename(self, event: KernelEvent) -> None:
        is_directory = bool(event.mask & fanotify.ONDIR)
        new = self._border(event.place, is_directory)
        old = self._border(event.old_place, is_directory)
        if new is None and old is None:
            return
        if new is not None and old is not None:
            if is_directory and event.target is not None and event.place is not None:
                self._tree.appeared(event.target, event.place, new)
            self._tell(event, "rename", new, old, is_directory)
        elif new is not None:
            from_where = self._tree.outside(event.old_place)
            self._tell(event, "create", new, b"", is_directory, f"moved in{from_where}")
            if is_directory and event.target is not None and event.place is not None:
                self._tree.appeared(event.target, event.place, new)
                self._tell_found(event.target, "moved in")
        elif old is not None:
            to_where = self._tree.outside(event.place)
            self._tell(event, "delete", old, b"", is_directory, f"moved out{to_where}")
            if is_directory:
                self._tree.went(event.target, moved=True)

    def _border(self, place: Where | None, is_directory: bool) -> bytes | None:
        """Return the path of one side of a rename; None where it is not watched."""
        path = self._tree.path(place) if place is not None else None
        if path is None or place is None:
            return None
        return None if is_directory and self._tree.is_left_out(path, place.name) else path

    def _tell_kinds(
        self,
        event: KernelEvent,
        path: bytes,
        kinds: tuple[tuple[int, Kind], ...],
        is_directory: bool,
    ) -> None:
        told = [kind for bit, kind in kinds if event.mask & bit]
        if "create" in told and "delete" in told and os.path.lexists(path):
            told.remove("delete")
            told.insert(0, "delete")
        for kind in told:
            self._tell(event, kind, path, b"", is_directory)

    def _tell(
        self,
        event: KernelEvent,
        kind: Kind,
        path: bytes,
        old_path: bytes,
        is_directory: bool,
        detail: str = "",
    ) -> None:
        if event.pid in self._own:
            return
        number, facts, fresh = self._processes.look(event.pid)
        if fresh and facts is not None:
            self._outbox.add(wire.SeenProcess(number, facts))
        file = self._tree.file(event.target, path) or FileKey(0, 0)
        self._outbox.add(
            wire.SeenEvent(
                self._hearing.now_ns(), kind, path, old_path, is_directory, *file, event.pid,
                number, False, 0, detail,
            )
        )  # fmt: skip

    def _tell_found(self, handle: Handle, detail: str) -> None:
        """Mark and list a directory that is new here, and tell what was in it before."""
        for path, is_directory, file in self._tree.found(handle):
            self._outbox.add(
                wire.SeenEvent(
                    self._hearing.now_ns(),
                    "create",
                    path,
                    b"",
                    is_directory,
                    *file,
                    0,
                    0,
                    False,
                    0,
                    detail,
                )
            )

    def _tell_loss(self, detail: str, lost: int = 0) -> None:
        self._outbox.add(wire.overflow(self._root, detail, lost))

    def _gone(self, detail: str) -> None:
        self._outbox.add(
            wire.SeenEvent(clock_ns(), "gone", self._root, b"", True, 0, 0, 0, 0, False, 0, detail)
        )
        self._tree.is_gone = True

    def _tell_alive(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < REPORT_S:
            return
        self._told_s = now_s
        if lost := self._outbox.take_lost():
            self._tell_loss("the agent did not take the events", lost)
        self._outbox.add(wire.Report(self._tree.marks, self._outbox.waiting, self._outbox.lost))
        if self._tree.began and not self._tree.is_gone and not self._tree.is_there():
            self._gone("the root is no longer what it was: removed, or mounted over or away")
        self._outbox.flush(now=True)

    def _obey(self) -> None:
        for _ in range(_PACKETS):
            messages, gate = wire.receive_with_end(self._to_agent)
            if messages is None:
                return
            for message in messages:
                if isinstance(message, wire.UseGate) and gate is not None:
                    self._outbox.add(wire.Ready(self._tree.marks, self._tree.use_gate(gate)))
                elif isinstance(message, wire.Ask):
                    self._hearing.ask()
                elif isinstance(message, wire.TakeOver):
                    self._tree.take_over()
                    self._outbox.add(wire.Ready(self._tree.marks))


_SELF = fanotify.DELETE_SELF | fanotify.MOVE_SELF


if __name__ == "__main__":
    main(sys.argv[1:])
