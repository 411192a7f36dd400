"""Follow a local file that holds the content of something else: the file of a cache.

Contract: to the job it is the file that `open` gave; its accesses are those of the origin, and the
local file stands in no record. Not here: which files these are, see `provfs.capture.layers.caches`.
"""

from __future__ import annotations

import io
import os
from _thread import get_ident
from typing import Any

from provfs.capture.execution import clock_ns
from provfs.capture.operations.records import CHANNEL
from provfs.capture.plain.content import Pass
from provfs.capture.plain.raw import KnownFileIO, ReadingFileIO
from provfs.capture.plain.state import SMALL_BYTES, hash_still, stat_tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.recorder import Recorder


class OriginHandle(Pass):
    """What one handle on the local copy has seen of the origin.

    `altered` is a reason why the copy has other bytes than the origin; then there is no digest.
    `kept` says that the copy is kept, so that its own state tells which version came down.
    `named` says that it may have been opened for its name only, which somebody else reads then.
    """

    __slots__ = (
        *("altered", "before", "exposed", "kept", "named", "opened_ns", "recorder", "size_bytes"),
        *("thread", "uri"),
    )

    def __init__(
        self, recorder: Recorder, uri: str, before: tuple[int, ...], altered: str | None
    ) -> None:
        Pass.__init__(self)
        self.recorder = recorder
        self.uri = uri
        self.before = before
        self.size_bytes = before[2]
        self.altered = altered
        self.exposed = False
        self.kept = self.named = False
        self.thread = recorder.thread_key()
        self.opened_ns = clock_ns()

    def give_up(self, error: Exception) -> None:
        """Have no digest from the pass: bytes went by that could not be followed."""
        self.in_order = False
        self.recorder.trouble(error)

    def finish(self, descriptor: int) -> None:
        """Record the read of the origin, while the descriptor is still open."""
        size = self.size_bytes
        self.exposed = self.exposed or (self.named and not self.moved_bytes)
        if not self.moved_bytes and not self.exposed and size:
            return
        fields: dict[str, Any] = {
            "opened_ns": self.opened_ns,
            "thread": self.thread,
            "channel": CHANNEL,
        }
        if self.altered:
            fields["reason"] = self.altered
        else:
            digest, reason = self._digest(descriptor, size)
            ranges = None if self.exposed else self.touched(size)
            count = None if self.exposed else self.moved_bytes
            fields |= {"bytes": count, "ranges": ranges, "size_bytes": size}
            fields |= {"digest": digest, "reason": reason}
        state = copy_text(self.before) if self.kept and fields.get("digest") else None
        self.recorder.read_object(self.uri, state, fields)

    def _digest(self, descriptor: int, size: int) -> tuple[str | None, str | None]:
        if stat_tuple(os.fstat(descriptor)) != self.before:
            return None, "the file of the cache changed while it was read"
        digest = None if self.exposed else self.digest(size)
        if digest is not None:
            return digest, None
        if size > max(SMALL_BYTES, self.recorder.settings.append_hash_limit_bytes):
            return None, "read in part or out of order"
        return hash_still(self.recorder, descriptor, self.before, readable=True)


def copy_text(state: tuple[int, ...]) -> str:
    """Return the fingerprint of a version of which a cache keeps a copy with this state."""
    return f"copy:{':'.join(map(str, state))}"


def follow_file(
    recorder: Recorder,
    uri: str,
    handle: io.BufferedReader,
    altered: str | None,
    *,
    kept: bool = False,
    named: bool = False,
) -> io.BufferedReader:
    """Return a file in place of one that was just opened for reading, which is closed."""
    recorder.busy.add(get_ident())
    recorder.mute()
    try:
        raw: Any = KnownFileIO(handle.name, "r")
    finally:
        recorder.unmute()
        recorder.busy.discard(get_ident())
    raw._capture = OriginHandle(recorder, uri, stat_tuple(os.fstat(raw.fileno())), altered)  # noqa: SLF001 - the slot of our own raw files
    raw._capture.kept, raw._capture.named = kept, named  # noqa: SLF001 - likewise
    raw.__class__ = ReadingFileIO
    followed = io.BufferedReader(raw)
    followed.__dict__.update(handle.__dict__)
    handle.close()
    return followed
