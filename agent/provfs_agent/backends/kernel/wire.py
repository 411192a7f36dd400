"""What the processes of the agent tell each other, over sockets that keep packets apart.

Contract: a packet is a list of messages. An `Outbox` never waits: what the other side does not take
is kept up to a limit, and above it events are dropped and counted, while processes and the count
itself are not. Events name their process by the number of a `SeenProcess` that was sent before.
Not here: what is done with them, see `provfs_agent.backends.kernel.backend`.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from provfs_agent.attribute import ProcessFacts  # noqa: TC001 - msgspec reads the annotations
from provfs_agent.backends.kernel import fanotify
from provfs_agent.events import Kind, clock_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET_BYTES: Final = 1 << 17
_MESSAGES_PER_PACKET = 128
_WAITING_PACKETS = 4000
_BUFFER_BYTES = 4 << 20
_SO_SNDBUFFORCE = 32
_DESCRIPTOR = struct.Struct("i")
_TOGETHER_S = 0.002


class SeenProcess(msgspec.Struct, array_like=True, tag="p", frozen=True):
    """A process that events will name by its number."""

    number: int
    facts: ProcessFacts


class SeenEvent(msgspec.Struct, array_like=True, tag="e", frozen=True):
    """An event; `process` is 0 where it is not known, `device` 0 where the file is not.

    `handle` stands for a path that only the agent can find out, which is empty then.
    """

    at_ns: int
    kind: Kind
    path: bytes
    old_path: bytes
    is_directory: bool
    device: int
    inode: int
    pid: int
    process: int
    certain: bool
    lost: int = 0
    detail: str = ""
    handle: tuple[bytes, int, bytes] | None = None


class Report(msgspec.Struct, array_like=True, tag="r", frozen=True):
    """A sign of life: how the sender does. `p99_ns` is -1 where nobody waited."""

    marks: int
    waiting: int
    lost: int
    p99_ns: int = -1
    answered: int = 0


class Ready(msgspec.Struct, array_like=True, tag="k", frozen=True):
    """Everything is marked.

    `refused` says what could not be had, if anything; `mode` how it is marked, as `Plan.marks`.
    """

    marks: int
    refused: str = ""
    mode: str = ""


class Failed(msgspec.Struct, array_like=True, tag="f", frozen=True):
    """It cannot be done; the sender ends."""

    number: int
    text: str


class MarkPaths(msgspec.Struct, array_like=True, tag="m", frozen=True):
    """For the gate: mark these directories, or take back their marks; then say so by a `Marked`."""

    number: int
    paths: list[bytes]
    add: bool
    whole_filesystem: bool = False


class Marked(msgspec.Struct, array_like=True, tag="d", frozen=True):
    """The gate has done a `MarkPaths`: the first error, and the paths that it did not find."""

    number: int
    error: str = ""
    missing: tuple[int, ...] = ()


class UseGate(msgspec.Struct, array_like=True, tag="g", frozen=True):
    """For the ledger: a new gate listens on the descriptor that comes with this; mark all again."""


class TakeOver(msgspec.Struct, array_like=True, tag="t", frozen=True):
    """For the ledger: there is no gate any more, so watch openings and closings as well."""


class Ask(msgspec.Struct, array_like=True, tag="a", frozen=True):
    """For both: say by a `Heard` when all that has happened by now is told."""


class Heard(msgspec.Struct, array_like=True, tag="h", frozen=True):
    """All that happened before a moment is told, and no event that follows has an earlier time."""

    until_ns: int


Message = (
    SeenProcess | SeenEvent | Report | Ready | Failed | MarkPaths | Marked | UseGate | TakeOver
    | Ask | Heard
)  # fmt: skip

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[Message])


def overflow(root: bytes, detail: str, lost: int = 0) -> SeenEvent:
    """Return the event that says that something was lost; `lost` is 0 where not known."""
    return SeenEvent(clock_ns(), "overflow", root, b"", True, 0, 0, 0, 0, False, lost, detail)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected ends with room for a burst."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _BUFFER_BYTES)
    return ends


def send(end: socket.socket, *messages: Message) -> None:
    """Send one packet, and wait until there is room for it."""
    end.sendall(_encode(messages))


def receive(end: socket.socket, *, wait: bool) -> list[Message] | None:
    """Return the messages of the next packet; None where there is none, or the other side ended.

    Raises:
        EOFError: The other side has ended.
    """
    try:
        packet = end.recv(PACKET_BYTES * 2, 0 if wait else socket.MSG_DONTWAIT)
    except (BlockingIOError, InterruptedError):
        return None
    except ConnectionResetError as error:
        raise EOFError from error
    if not packet:
        raise EOFError
    return _decoder.decode(packet)


def receive_with_end(end: socket.socket) -> tuple[list[Message] | None, socket.socket | None]:
    """Return what `receive` does without waiting, and the socket that came with it.

    Raises:
        EOFError: The other side has ended.
    """
    try:
        packet, rights, _, _ = end.recvmsg(
            PACKET_BYTES * 2, socket.CMSG_LEN(_DESCRIPTOR.size), socket.MSG_DONTWAIT
        )
    except (BlockingIOError, InterruptedError):
        return None, None
    except ConnectionResetError as error:
        raise EOFError from error
    if not packet:
        raise EOFError
    given = None
    for level, kind, data in rights:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            given = socket.socket(fileno=_DESCRIPTOR.unpack_from(data)[0])
    return _decoder.decode(packet), given


def send_with_end(end: socket.socket, message: Message, given: socket.socket) -> None:
    """Send one message and a socket, which the sender then closes."""
    socket.send_fds(end, [_encode([message])], [given.fileno()])


class Outbox:
    """Messages on their way to a reader that may be slow.

    Args:
        end: The socket; it may be shared with a reader of the same process.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._fresh: list[Message] = []
        self._packets: deque[bytes] = deque()
        self._since_s = 0.0
        self._lost_now = 0
        self.lost = 0

    @property
    def waiting(self) -> int:
        """How many events wait here, roughly."""
        return len(self._fresh) + len(self._packets) * _MESSAGES_PER_PACKET

    def add(self, message: Message) -> None:
        """Take a message; `flush` sends it. An event is dropped while too many wait."""
        if isinstance(message, SeenEvent) and len(self._packets) >= _WAITING_PACKETS:
            self._lost_now += 1
            self.lost += 1
            return
        if not self._fresh:
            self._since_s = time.monotonic()
        self._fresh.append(message)
        if len(self._fresh) >= _MESSAGES_PER_PACKET:
            self._pack()

    def take_lost(self) -> int:
        """Return how many were dropped since this was asked last; 0 while it is still so full."""
        if len(self._packets) >= _WAITING_PACKETS:
            return 0
        lost, self._lost_now = self._lost_now, 0
        return lost

    def wait_ms(self, longest_ms: float) -> float:
        """Return how long a loop may wait before it flushes again, in milliseconds."""
        return _TOGETHER_S * 1000 if self._fresh and not self._packets else longest_ms

    def flush(self, *, now: bool = False) -> bool:
        """Send what the reader takes, and say whether nothing is kept because it takes no more.

        Messages wait a moment for others to go with, unless they are to go now.

        Raises:
            EOFError: The reader has ended.
        """
        is_time = now or time.monotonic() - self._since_s >= _TOGETHER_S
        if not self._packets and self._fresh and is_time:
            self._pack()
        while self._packets:
            try:
                self._end.send(self._packets[0], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                return False
            except (BrokenPipeError, ConnectionResetError) as error:
                raise EOFError from error
            self._packets.popleft()
        return True

    def _pack(self) -> None:
        if self._fresh:
            self._split(self._fresh)
            self._fresh = []

    def _split(self, messages: list[Message]) -> None:
        packet = _encode(messages)
        if len(packet) <= PACKET_BYTES or len(messages) == 1:
            self._packets.append(packet)
            return
        half = len(messages) // 2
        self._split(messages[:half])
        self._split(messages[half:])


class Hearing:
    """Answers the question until when a group of the kernel has been read.

    What waits in the group when it is asked has happened before: it is told with the moment of the
    question at the latest, and then the answer.

    Args:
        group: The group.
        outbox: Where events and answers go, in this order.
    """

    def __init__(self, group: int, outbox: Outbox) -> None:
        self._group = group
        self._outbox = outbox
        self._asked_ns = 0
        self._left = 0

    def ask(self) -> None:
        """Take the question."""
        self._asked_ns = clock_ns()
        self._left = fanotify.queued(self._group)
        if self._left <= 0:
            self.emptied()

    def now_ns(self) -> int:
        """Return the time of an event that was just read."""
        return self._asked_ns or clock_ns()

    def parts(self, buffer: bytes) -> Iterator[bytes]:
        """Yield what one read gave, cut where the answer belongs; give them all before going on."""
        if self._asked_ns:
            end, found = fanotify.first(buffer, self._left)
            yield buffer[:end]
            self._left -= found
            if self._left <= 0:
                self.emptied()
            buffer = buffer[end:]
        if buffer:
            yield buffer

    def emptied(self) -> None:
        """Note that nothing waits in the group."""
        if self._asked_ns:
            self._outbox.add(Heard(self._asked_ns))
            self._asked_ns = 0
            self._outbox.flush(now=True)
