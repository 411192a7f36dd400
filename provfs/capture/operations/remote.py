"""What one handle of a remote or in-memory filesystem has seen of its object, and its record.

Contract: bytes are hashed at the handle, below text and compression; nothing is asked of the
storage. Not here: how a handle is made to tell, see `provfs.capture.operations.handles`.
"""

from __future__ import annotations

import io
from typing import Any

from provfs.capture.execution import clock_ns
from provfs.capture.layers.storages import handling
from provfs.capture.operations.records import CHANNEL
from provfs.capture.operations.telling import (
    Answer,
    asked,
    fingerprint_of_details,
    names_versions,
    stored,
)
from provfs.capture.plain.content import Pass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.recorder import Recorder


class RemoteHandle(Pass):
    """What one handle has seen of a remote or in-memory object."""

    __slots__ = (
        "aborted",
        "appends",
        "ended_ns",
        "fingerprint",
        "handling",
        "id",
        "opened_ns",
        "recorder",
        "size_bytes",
        "thread",
        "uri",
        "writes",
    )

    def __init__(
        self,
        recorder: Recorder,
        uri: str,
        mode: str,
        handle: Any,
        notes: list[Answer] | None = None,
    ) -> None:
        Pass.__init__(self)
        self.recorder = recorder
        self.uri = uri
        self.thread = recorder.thread_key()
        self.opened_ns = clock_ns()
        self.ended_ns: int | None = None
        self.aborted = False
        self.handling = handling()
        self.writes = any(letter in mode for letter in "wax+")
        self.appends = "+" in mode or ("a" in mode and getattr(handle, "loc", 1) != 0)
        details = None if self.writes else getattr(handle, "_details", None)
        versions = names_versions(getattr(handle, "fs", None))
        self.fingerprint = fingerprint_of_details(details, versions=versions)
        if self.fingerprint is None and notes and not self.writes:
            self.fingerprint = asked(notes)
        size = None if self.writes else getattr(handle, "size", None)
        self.size_bytes: int | None = size if isinstance(size, int) else None
        self.id = (
            recorder.opening(uri, self.thread, CHANNEL, self.opened_ns) if self.writes else None
        )

    def catch_up(self, handle: Any) -> None:
        """Take in what was written before anybody looked on, if it still waits in the handle."""
        written = getattr(handle, "loc", 0)
        if not written or self.appends or not isinstance(written, int):
            return
        waiting = getattr(handle, "buffer", None)
        if isinstance(waiting, io.BytesIO) and not handle.offset and waiting.tell() == written:
            with waiting.getbuffer() as content:
                self.write(content[:written], written)
        else:
            self.position, self.in_order = written, False

    def closing(self) -> None:
        """Take note of whether the writer failed, before the handle is closed."""
        if handling() not in {None, self.handling}:
            self.aborted = True

    def finish_read(self, digest: str | None = None) -> None:
        """Record the read, after the handle was closed; `digest` where it is known otherwise."""
        if not self.moved_bytes and self.size_bytes:
            return
        size = self.size_bytes
        if size is not None:
            digest = self.digest(size) or digest
        fields = {
            "opened_ns": self.opened_ns,
            "closed_ns": self.ended_ns,
            "bytes": self.moved_bytes,
            "ranges": None if size is None else self.touched(size),
            "size_bytes": size,
            "digest": digest,
            "reason": None if digest else "read in part or out of order",
            "thread": self.thread,
            "channel": CHANNEL,
        }
        self.recorder.read_object(self.uri, self.fingerprint, fields)

    def finish_write(self, *, complete: bool, notes: list[Answer] | None = None) -> None:
        """Record the write, after the handle was closed or committed; `notes` came back of that."""
        digest = None if self.appends else self.digest(self.hashed)
        fields = {
            "id": self.id,
            "opened_ns": self.opened_ns,
            "bytes": self.moved_bytes,
            "size_bytes": self.hashed if digest else None,
            "fingerprint": stored(notes) if notes else None,
            "digest": digest,
            "reason": None
            if digest
            else "appended to what was there"
            if self.appends
            else "not written in order",
            "complete": None if complete else False,
            "thread": self.thread,
            "channel": CHANNEL,
        }
        self.recorder.access("write", self.uri, fields)

    def discard(self) -> None:
        """Withdraw the opening: nothing was stored."""
        if self.id is not None:
            self.recorder.failed(self.id)
