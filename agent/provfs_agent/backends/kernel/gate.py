"""The process that every opener below the root waits for: it allows, and says who it was.

Contract: it allows always, at once, and whatever goes wrong; there is no way in it to refuse. It
has one thread, and once the group is open it opens files of `/proc` only, imports nothing, writes
no text, and waits for nobody: what the agent does not take is dropped and counted. It ends with the
agent, with either of its sockets, by a timer of the kernel when its loop does not turn for
`SILENCE_S`, and on any error; the kernel then allows what is pending and forgets the marks.
Not here: when it is given up, see `backend` beside this file; which directories it marks, see
`ledger`. What may go wrong: docs/decisions/0015.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from provfs_agent.attribute import ProcessReader
from provfs_agent.backends.kernel import fanotify, wire

if TYPE_CHECKING:
    from provfs_agent.events import Kind

SILENCE_S: Final = 2.0
"""An opener may wait so long, in the worst case, for a gate that has gone wrong."""

REPORT_S: Final = 0.5

_MASK = fanotify.OPEN_PERM | fanotify.CLOSE_WRITE | fanotify.CLOSE_NOWRITE
_BATCH_BYTES = 64 * 24
_MOST_TIMES = 20_000
_NICE = -10
_PR_SET_PDEATHSIG = 1
_DELETED = b" (deleted)"
_KINDS: Final[dict[int, Kind]] = {
    fanotify.OPEN_PERM: "open",
    fanotify.CLOSE_WRITE: "close_write",
    fanotify.CLOSE_NOWRITE: "close_read",
}


def main(arguments: list[str]) -> None:
    """Run until the agent ends; never returns, and never tells an error by a traceback.

    Args:
        arguments: Descriptors of the socket to the agent and of that to the ledger, the agent's
            number, the root, a directory to mark at once, and numbers of processes to leave out.
    """
    signal.setitimer(signal.ITIMER_REAL, SILENCE_S * 5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    to_agent, to_ledger = (socket.socket(fileno=int(text)) for text in arguments[:2])
    end_with_parent(int(arguments[2]))
    raise_limits()
    own = frozenset(map(int, (arguments[2], *arguments[5:])))
    try:
        group = fanotify.open_gate()
        fanotify.mark(
            group,
            fanotify.MARK_ADD | fanotify.MARK_ONLYDIR,
            _MASK | fanotify.EVENT_ON_CHILD,
            os.fsencode(arguments[4]),
        )
    except OSError as error:
        wire.send(to_agent, wire.Failed(error.errno or 0, str(error)))
        os._exit(1)
    gc.disable()
    to_ledger.setblocking(False)
    try:
        _Gate(group, to_agent, to_ledger, own, os.fsencode(arguments[3])).run()
    finally:
        os._exit(1)


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def raise_limits() -> None:
    """Have room for the descriptors of events, and a turn on the processor soon."""
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


class _Gate:
    def __init__(
        self,
        group: int,
        to_agent: socket.socket,
        to_ledger: socket.socket,
        own: frozenset[int],
        root: bytes,
    ) -> None:
        self._group = group
        self._to_agent = to_agent
        self._to_ledger = to_ledger
        self._own = own
        self._root = root
        self._below = root.rstrip(b"/") + b"/"
        self._outbox = wire.Outbox(to_agent)
        self._hearing = wire.Hearing(group, self._outbox)
        self._processes = ProcessReader(held=True)
        self._marks = 0
        self._times: list[int] = []
        self._answered = 0
        self._empty_ns = time.monotonic_ns()

    def run(self) -> None:
        poller = select.poll()
        poller.register(self._group, select.POLLIN)
        poller.register(self._to_ledger, select.POLLIN)
        poller.register(self._to_agent, select.POLLIN)
        reported_s = 0.0
        self._outbox.add(wire.Ready(0))
        while True:
            now_s = time.monotonic()
            if now_s - reported_s >= REPORT_S:
                signal.setitimer(signal.ITIMER_REAL, SILENCE_S)
                self._report()
                reported_s = now_s
            all_sent = self._outbox.flush()
            poller.modify(
                self._to_agent, select.POLLIN if all_sent else select.POLLIN | select.POLLOUT
            )
            asked_ns = time.monotonic_ns()
            ready = dict(poller.poll(self._outbox.wait_ms(REPORT_S * 1000)))
            if ready.get(self._to_agent.fileno(), 0) & (select.POLLHUP | select.POLLERR):
                return
            if self._group in ready:
                self._drain(asked_ns)
            else:
                self._empty_ns = time.monotonic_ns()
                self._hearing.emptied()
            if ready.get(self._to_agent.fileno(), 0) & select.POLLIN:
                self._hear()
            if self._to_ledger.fileno() in ready:
                self._mark()

    def _drain(self, asked_ns: int) -> None:
        """Answer one batch of events; the openers of all of them wait until then."""
        now_ns = time.monotonic_ns()
        waited_since_ns = now_ns if now_ns - asked_ns > _POLL_NS else self._empty_ns
        try:
            buffer = os.read(self._group, _BATCH_BYTES)
        except BlockingIOError:
            return
        self._empty_ns = time.monotonic_ns()
        for part in self._hearing.parts(buffer):
            self._answer(part, waited_since_ns)

    def _answer(self, buffer: bytes, waited_since_ns: int) -> None:
        for event in fanotify.parse(buffer):
            if event.descriptor < 0:
                self._lose(event)
                continue
            opening = event.mask & fanotify.OPEN_PERM
            try:
                if event.pid not in self._own:
                    self._see(event)
            except OSError as error:
                self._outbox.add(
                    wire.overflow(self._root, f"an event could not be read: {error}", 1)
                )
            finally:
                if opening:
                    fanotify.allow(self._group, event.descriptor)
                os.close(event.descriptor)
            if opening:
                self._answered += 1
                if len(self._times) < _MOST_TIMES:
                    self._times.append(time.monotonic_ns() - waited_since_ns)

    def _hear(self) -> None:
        """Take the agent's question how far this is."""
        try:
            messages = wire.receive(self._to_agent, wait=False)
        except EOFError:
            os._exit(1)
        if messages:
            self._hearing.ask()

    def _see(self, event: fanotify.KernelEvent) -> None:
        opening = bool(event.mask & fanotify.OPEN_PERM)
        path = os.readlink(b"/proc/self/fd/%d" % event.descriptor)
        status = os.fstat(event.descriptor)
        if not status.st_nlink:
            path = path.removesuffix(_DELETED)
        handle = None
        if not path.startswith(self._below):
            if self._is_elsewhere(path, status):
                return
            path, handle = b"", fanotify.handle_of(event.descriptor)
        number, facts, fresh = self._processes.look(event.pid, held=opening)
        if fresh and facts is not None:
            self._outbox.add(wire.SeenProcess(number, facts))
        for bit, kind in _KINDS.items():
            if event.mask & bit:
                self._outbox.add(
                    wire.SeenEvent(
                        self._hearing.now_ns(), kind, path, b"", False, status.st_dev,
                        status.st_ino, event.pid, number, True, handle=handle,
                    )
                )  # fmt: skip

    @staticmethod
    def _is_elsewhere(path: bytes, status: os.stat_result) -> bool:
        """Say whether the path is that of the file, so that the file is really not below the root.

        Otherwise it was opened in another mount namespace, where the path begins elsewhere.
        """
        with suppress(OSError):
            return os.path.samestat(os.lstat(path), status)
        return False

    def _lose(self, event: fanotify.KernelEvent) -> None:
        if event.mask & fanotify.Q_OVERFLOW:
            self._outbox.add(wire.overflow(self._root, "the queue of the gate was full"))

    def _mark(self) -> None:
        try:
            messages = wire.receive(self._to_ledger, wait=False)
        except EOFError:
            os._exit(1)
        for message in messages or ():
            if isinstance(message, wire.MarkPaths):
                self._mark_paths(message)

    def _mark_paths(self, wanted: wire.MarkPaths) -> None:
        flags = fanotify.MARK_ADD if wanted.add else fanotify.MARK_REMOVE
        mask = _MASK
        if wanted.whole_filesystem:
            flags |= fanotify.MARK_FILESYSTEM
        else:
            flags |= fanotify.MARK_ONLYDIR
            mask |= fanotify.EVENT_ON_CHILD
        error = ""
        missing: list[int] = []
        for index, path in enumerate(wanted.paths):
            try:
                fanotify.mark(self._group, flags, mask, path)
                self._marks += 1 if wanted.add else -1
            except (FileNotFoundError, NotADirectoryError):
                missing.append(index)
            except OSError as failure:
                error = error or str(failure)
        with suppress(BlockingIOError):
            wire.send(self._to_ledger, wire.Marked(wanted.number, error, tuple(missing)))

    def _report(self) -> None:
        if lost := self._outbox.take_lost():
            self._outbox.add(wire.overflow(self._root, "the agent did not take the events", lost))
        times = sorted(self._times)
        self._times.clear()
        p99_ns = times[len(times) * 99 // 100] if times else -1
        self._outbox.add(
            wire.Report(
                self._marks, self._outbox.waiting, self._outbox.lost, p99_ns, self._answered
            )
        )
        self._answered = 0


_POLL_NS = 50_000
"""A poll that took longer had nothing to return at first: the events came while it waited."""


if __name__ == "__main__":
    main(sys.argv[1:])
