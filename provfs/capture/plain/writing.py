"""What a handle that can write has done to a local file, and its records.

Contract: a version that was there before and is changed in place is learnt before the first change.
What was not written in order, or may have been written past the object, is hashed again from the
file. Not here: the file objects, see `provfs.capture.plain.raw`.
"""

from __future__ import annotations

import os

from provfs.calls import access_line, numbers_of, state_of
from provfs.capture.execution import clock_ns
from provfs.capture.lines import quoted
from provfs.capture.plain.content import Pass
from provfs.capture.plain.state import (
    SMALL_BYTES,
    fingerprint_text,
    hash_of,
    hash_still,
    holds_lock,
    stat_tuple,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from provfs.capture.recorder import Recorder

    Finished: TypeAlias = "tuple[bytes | str, str] | dict[str, object]"


class WriteHandle(Pass):
    """What one handle that can write has done to a local file.

    `fresh` says that the handle began with an empty file by truncating or creating it, so that it
    is a write whatever follows; otherwise (`r+`, `a`, a descriptor) it is one once something
    changes.
    """

    __slots__ = (
        "appending",
        "before",
        "broken",
        "changed",
        "channel",
        "exposed",
        "fresh",
        "generation",
        "id",
        "opened_ns",
        "prior_digest",
        "prior_known",
        "read_bytes",
        "readable",
        "recorder",
        "thread",
        "uri",
    )

    def __init__(
        self,
        recorder: Recorder,
        thread: int,
        uri: str,
        before: tuple[int, ...],
        position: int,
        channel: str,
        *,
        fresh: bool,
        appending: bool,
        readable: bool,
    ) -> None:
        Pass.__init__(self, position)
        self.recorder = recorder
        self.uri = uri
        self.before = before
        self.thread = thread
        self.channel = channel
        self.fresh = fresh
        self.appending = appending
        self.readable = readable
        self.exposed = False
        self.broken = False
        self.changed = fresh
        self.prior_known = False
        self.prior_digest: str | None = None
        self.read_bytes = 0
        self.generation = recorder.generation
        self.opened_ns = clock_ns()
        self.id = recorder.opening(uri, thread, channel, self.opened_ns) if fresh else None

    def begun_before(self) -> None:
        """Take the file for one that was opened empty and written already, by nobody seen."""
        self.fresh = self.changed = self.prior_known = True
        self.in_order = False
        self.id = self.recorder.opening(self.uri, self.thread, self.channel, self.opened_ns)

    def before_change(self, descriptor: int) -> None:
        """Learn the prior version before the first change; the hasher goes on from its end."""
        if self.generation != self.recorder.generation:
            self.generation = self.recorder.generation
            self.id, self.fresh, self.changed, self.in_order = None, False, False, False
        if not self.changed:
            self.changed = True
            self.learn_prior(descriptor)
            if self.id is None:
                self.id = self.recorder.opening(self.uri, self.thread, self.channel, self.opened_ns)

    def learn_prior(self, descriptor: int) -> None:
        """Hash the version that is there, if it is not too large."""
        if self.prior_known or self.fresh:
            return
        self.prior_known = True
        size = self.before[2]
        if size > self.recorder.settings.append_hash_limit_bytes:
            self.in_order = False
            return
        if size and not self.readable and holds_lock(self.before[1]):
            self.in_order = False
            return
        if size:
            hasher = hash_of(self.recorder, descriptor, readable=self.readable, limit_bytes=size)
            if hasher is None or stat_tuple(os.fstat(descriptor)) != self.before:
                self.in_order = False
                return
            self.hasher = hasher
            self.prior_digest = f"xxh3-128:{hasher.hexdigest()}"
        self.hashed = size

    def give_up(self, error: Exception) -> None:
        """Have no digest from the pass: bytes went by that could not be followed."""
        self.in_order = False
        self.recorder.trouble(error)

    def finish(self, descriptor: int) -> Finished | None:
        """Return what there is to record, before the close; None if nothing was written."""
        if self.generation != self.recorder.generation:
            return None
        if self.fresh and not self.exposed:
            state = state_of(descriptor)
            digest = None if state is None else self.digest(numbers_of(state)[2])
            if state is not None and digest is not None:
                return state, digest
        after = stat_tuple(os.fstat(descriptor))
        if not (self.changed or (self.exposed and after != self.before)):
            self._only_read(descriptor, after)
            return None
        digest = None if self.exposed else self.digest(after[2])
        reason = None
        if digest is None:
            digest, reason = self._hash_again(descriptor, after)
        if not self.fresh and self.before[2]:
            self._record_prior()
        return self._fields(after, None if self.exposed else self.moved_bytes, digest, reason)

    def _fields(
        self,
        after: tuple[int, ...],
        moved_bytes: int | None,
        digest: str | None,
        reason: str | None,
    ) -> dict[str, object]:
        return {
            "id": self.id,
            "opened_ns": self.opened_ns,
            "bytes": moved_bytes,
            "size_bytes": after[2],
            "fingerprint": fingerprint_text(after),
            "digest": digest,
            "reason": reason,
            "thread": self.thread,
            "channel": self.channel,
        }

    def line(self, execution: str, state: bytes | str, digest: str, closed_ns: int) -> bytes:
        """Return the line of the record of a write in order."""
        return access_line(
            execution,
            self.id,  # type: ignore[arg-type] # it has one, see `record`
            quoted(self.uri),
            "write",
            self.opened_ns,
            closed_ns,
            self.moved_bytes,
            state,
            digest,
            self.thread,
            self.channel,
        )

    def record(self, finished: Finished, *, complete: bool) -> None:
        """Record the write access, after the descriptor was closed."""
        whole = complete and not self.broken
        if isinstance(finished, tuple):
            if whole and self.id is not None:
                self.recorder.written_whole(self, *finished)
                return
            state, digest = finished
            fields = self._fields(numbers_of(state), self.moved_bytes, digest, None)
        else:
            fields = finished
        if not whole:
            fields["complete"] = False
        if fields["id"] is None:
            fields["id"] = self.recorder.opening(
                self.uri, self.thread, self.channel, self.opened_ns
            )
        self.recorder.access("write", self.uri, fields)

    def _hash_again(self, descriptor: int, after: tuple[int, ...]) -> tuple[str | None, str | None]:
        limit = max(self.recorder.settings.append_hash_limit_bytes, self.moved_bytes)
        if not self.fresh and after[2] > limit:
            return None, f"changed in place and larger than {limit} bytes"
        return hash_still(self.recorder, descriptor, after, readable=self.readable)

    def _record_prior(self) -> None:
        size = self.before[2]
        fields = {
            "opened_ns": self.opened_ns,
            "bytes": self.read_bytes,
            "size_bytes": size,
            "fingerprint": fingerprint_text(self.before),
            "digest": self.prior_digest,
            "reason": None if self.prior_digest else "too large to hash before it was changed",
            "thread": self.thread,
            "channel": self.channel,
        }
        self.recorder.access("read", self.uri, fields)

    def _only_read(self, descriptor: int, after: tuple[int, ...]) -> None:
        if self.id is not None:
            self.recorder.failed(self.id)
        if not self.read_bytes:
            return
        digest, reason = self.prior_digest, None
        if digest is None and after[2] <= max(
            SMALL_BYTES, self.recorder.settings.append_hash_limit_bytes
        ):
            digest, reason = hash_still(self.recorder, descriptor, after, readable=self.readable)
        fields = {
            "opened_ns": self.opened_ns,
            "bytes": self.read_bytes,
            "size_bytes": after[2],
            "fingerprint": fingerprint_text(after),
            "digest": digest,
            "reason": reason,
            "unstable": after != self.before or None,
            "thread": self.thread,
            "channel": self.channel,
        }
        self.recorder.access("read", self.uri, fields)
