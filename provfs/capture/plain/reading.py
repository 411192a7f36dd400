"""What a handle that was opened for reading has seen of a local file, and its record.

Contract: the fingerprint is compared at open and before close. A digest is that of the whole stored
content or absent with a reason. Not here: the file objects, see `provfs.capture.plain.raw`.
"""

from __future__ import annotations

import os

from xxhash import xxh3_128

from provfs.calls import access_line, look_again, numbers_of
from provfs.capture.execution import clock_ns
from provfs.capture.known import Known
from provfs.capture.lines import quoted
from provfs.capture.plain.content import Pass
from provfs.capture.plain.state import SMALL_BYTES, fingerprint_text, hash_still, stat_tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from provfs.capture.recorder import Recorder

RACY_NS = 20_000_000
"""Timestamps come from a clock that ticks every 1 to 10 ms; one tick hides several changes."""

_RACY, _CHANGED = 1, 2
"""What `look_again` finds: a further change could be hidden; another state."""


class ReadHandle(Pass):
    """What one handle that was opened for reading has seen of a local file."""

    __slots__ = (
        "channel",
        "exposed",
        "generation",
        "key",
        "opened_ns",
        "recorder",
        "size_bytes",
        "state",
        "thread",
        "uri",
    )

    def __init__(
        self,
        recorder: Recorder,
        key: Any,
        thread: int,
        uri: str,
        state: bytes | str,
        size_bytes: int,
        channel: str,
    ) -> None:
        self.hasher = xxh3_128()  # what `Pass` begins with, without a call
        self.position = self.hashed = self.moved_bytes = 0
        self.in_order = True
        self.ranges = []
        self.recorder = recorder
        self.key = key
        self.uri = uri
        self.state = state
        self.size_bytes = size_bytes
        self.thread = thread
        self.channel = channel
        self.exposed = False
        self.generation = recorder.generation
        self.opened_ns = clock_ns()

    @property
    def before(self) -> tuple[int, ...]:
        """The fingerprint at the opening."""
        return numbers_of(self.state)

    def line(self, execution: str, id_: int, digest: str, closed_ns: int) -> bytes:
        """Return the line of the record of a first read that was whole and undisturbed."""
        return access_line(
            execution,
            id_,
            quoted(self.uri),
            "read",
            self.opened_ns,
            closed_ns,
            self.moved_bytes,
            self.state,
            digest,
            self.thread,
            self.channel,
        )

    def give_up(self, error: Exception) -> None:
        """Have no digest from the pass: bytes went by that could not be followed."""
        self.in_order = False
        self.recorder.trouble(error)

    def finish(self, descriptor: int) -> None:
        """Record the read, at its close, while the descriptor is still open."""
        recorder = self.recorder
        size = self.size_bytes
        if not self.moved_bytes and not self.exposed and size:
            return
        closed_ns = clock_ns()
        found = look_again(descriptor, self.state, closed_ns - self.opened_ns, RACY_NS)
        if self.generation != recorder.generation:
            self._record(self.before, None, "the handle was opened before a fork", unstable=False)
            return
        if found == _CHANGED:
            for stat in (self.before, stat_tuple(os.fstat(descriptor))):
                self._record(stat, None, "the file changed while it was read", unstable=True)
            return
        digest = self.digest(size)
        known = recorder.known.get(self.key)
        if known is not None and known.state == self.state and digest in {known.digest, None}:
            recorder.reopened(known)
            recorder.reclosed(known)
            known.racy = known.racy and found == _RACY
            return
        entry_id: int | None
        if digest is not None:
            entry_id = recorder.read_whole(self, digest, closed_ns)
        else:
            digest, reason = self._digest_of_rest(descriptor, size)
            entry_id = self._record(self.before, digest, reason, unstable=False)
        if entry_id is not None:
            entry = Known(
                self.key, entry_id, self.uri, self.state, digest, self.thread, self.channel
            )
            entry.racy = found == _RACY
            recorder.remember(self.key, entry)

    def _digest_of_rest(self, descriptor: int, size: int) -> tuple[str | None, str | None]:
        known = self.recorder.inherited.get(self.key)
        if known is not None and known.state == self.state and known.digest and not known.racy:
            return known.digest, None
        limit = self.recorder.settings.append_hash_limit_bytes
        if size > max(SMALL_BYTES, limit if self.exposed else min(limit, self.moved_bytes)):
            how = "through its descriptor" if self.exposed else "in part or out of order"
            return None, f"read {how} and larger than what is hashed at close"
        return hash_still(self.recorder, descriptor, self.before, readable=True)

    def _record(
        self, stat: tuple[int, ...], digest: str | None, reason: str | None, *, unstable: bool
    ) -> int | None:
        fields = {
            "opened_ns": self.opened_ns,
            "bytes": None if self.exposed else self.moved_bytes,
            "ranges": None if self.exposed else self.touched(stat[2]),
            "size_bytes": stat[2],
            "fingerprint": fingerprint_text(stat),
            "digest": digest,
            "reason": None if digest else reason,
            "unstable": unstable or None,
            "thread": self.thread,
            "channel": self.channel,
        }
        return self.recorder.access("read", self.uri, fields)


def changed_meanwhile(recorder: Recorder, key: Any, known: Known, after: tuple[int, ...]) -> None:
    """Record that a known version changed while a handle on it was open."""
    recorder.known.pop(key, None)
    recorder.flush()
    for stat in (known.stat(), after):
        if stat is not None:
            fields = {
                "opened_ns": known.last_ns,
                "size_bytes": stat[2],
                "fingerprint": fingerprint_text(stat),
                "reason": "the file changed while it was read",
                "unstable": True,
                "thread": known.thread,
                "channel": known.channel,
            }
            recorder.access("read", known.uri(key), fields)
