"""Follow local files past `open`, by audit events: descriptors, renames, removals.

Contract: the hook never raises and looks closer only at paths that may be in scope. Audit events
come before the operation. A rename or removal is recorded at once and withdrawn later where it did
not happen. A file opened for writing through `os.open` is recorded as an opening; how it ended is
looked up when the path is touched again, or at exit, and its closing time is its last modification.
Not here: files opened through `open`, see `provfs.capture.plain.opening`.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident

from provfs.calls import pack_state
from provfs.capture.execution import clock_ns, file_uri
from provfs.capture.known import Known
from provfs.capture.plain.opening import OUTSIDE_SUFFIXES, OUTSIDE_TREES
from provfs.capture.plain.state import fingerprint_text, holds_lock, stat_tuple
from provfs.capture.recorder import Recorder, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHANNEL = "audit"
_DIRECTORY_LIMIT = 10_000
_REGULAR = 0o100000
_DIRECTORY = 0o040000
_FORMAT = 0o170000
_O_PATH = getattr(os, "O_PATH", 0)


class _Pending:
    """A file that was opened for writing by its path, or made by a link, and may still change."""

    __slots__ = ("before", "id", "opened_ns", "thread", "uri")

    def __init__(
        self, id_: int, uri: str, before: tuple[int, ...] | None, thread: int, opened_ns: int
    ) -> None:
        self.id = id_
        self.uri = uri
        self.before = before
        self.thread = thread
        self.opened_ns = opened_ns


class Audit:
    """The audit hook of one process.

    Args:
        recorder: Told about what happens.
        include_all: Judge no path by its text alone.
    """

    def __init__(self, recorder: Recorder, *, include_all: bool) -> None:
        self._recorder = recorder
        self._trees = () if include_all else OUTSIDE_TREES
        self._suffixes = () if include_all else OUTSIDE_SUFFIXES
        self._compiled = "" if include_all else "/__pycache__/"  # under names for the time
        self._pending: dict[str, _Pending] = {}
        self._generation = recorder.generation
        recorder.at_finish.append(self.settle_all)

    def install(self) -> None:
        """Add the hook; it cannot be taken away again."""
        actions = {
            "open": self._opened,
            "os.rename": self._renamed,
            "os.remove": self._removed,
            "os.truncate": self._truncated,
            "os.link": self._linked,
        }
        find = actions.get
        recorder = self._recorder

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            action = find(event)
            if action is None:
                return
            ident = get_ident()
            if ident in recorder.busy:
                return
            try:
                first = arguments[0]
                if isinstance(first, int) or inside.get():
                    return
                path = os.fsdecode(first)
                if path.startswith(self._trees) or path.endswith(self._suffixes):
                    return
                if self._compiled and self._compiled in path:
                    return
                recorder.busy.add(ident)
                try:
                    action(path, arguments)
                finally:
                    recorder.busy.discard(ident)
            except OSError:
                return  # the file is not there, so that the audited call is about to fail itself
            except Exception as error:
                recorder.lost += 1
                if recorder.strict:
                    raise error from None

        sys.addaudithook(hook)

    def touch(self, path: str, found: tuple[int, ...]) -> None:
        """Settle the pending write of a file that `open` has just opened."""
        if self._pending:
            self._settle(path, found)

    def settle_all(self) -> None:
        """Settle every pending write, at exit."""
        for path in list(self._pending):
            self._settle(path, None)

    def _uri(self, path: str) -> str | None:
        uri = file_uri(path)
        return uri if self._recorder.captures(uri) else None

    def _opened(self, path: str, arguments: tuple[Any, ...]) -> None:
        flags = arguments[2]
        if flags & _O_PATH or not path:
            return
        real = os.path.realpath(path)
        try:
            stat = os.stat(real)
        except OSError:
            stat = None
        if stat is not None and (stat.st_mode & _FORMAT) != _REGULAR:
            return
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        if stat is None and not (
            writes and flags & os.O_CREAT and os.path.isdir(os.path.dirname(real))
        ):
            return
        if stat is not None and flags & os.O_EXCL and flags & os.O_CREAT:
            return
        uri = self._uri(real)
        if uri is None:
            return
        if writes:
            if stat is None or os.access(real, os.W_OK):
                self._expect(real, uri, None if stat is None else stat_tuple(stat))
        elif stat is not None and os.access(real, os.R_OK):
            self._read(path, uri, stat_tuple(stat))

    def _read(self, path: str, uri: str, found: tuple[int, ...]) -> None:
        recorder = self._recorder
        thread = recorder.thread_key()
        key = (f"\0{path}", thread)
        known = recorder.known.get(key)
        state = pack_state(*found)
        if known is not None and known.state == state:
            recorder.reopened(known)
            recorder.reclosed(known)
            return
        now = clock_ns()
        fields = {
            "opened_ns": now,
            "closed_ns": now,
            "size_bytes": found[2],
            "fingerprint": fingerprint_text(found),
            "reason": "opened by descriptor; its content was not seen",
            "thread": thread,
            "channel": _CHANNEL,
        }
        id_ = recorder.access("read", uri, fields)
        if id_ is not None:
            recorder.remember(key, Known(key, id_, uri, state, None, thread, _CHANNEL))

    def _expect(self, real: str, uri: str, before: tuple[int, ...] | None) -> None:
        """Record that a file may be written from now on."""
        if self._generation != self._recorder.generation:
            self._pending, self._generation = {}, self._recorder.generation
        if real in self._pending:
            return
        recorder = self._recorder
        thread = recorder.thread_key()
        opened_ns = clock_ns()
        id_ = recorder.opening(uri, thread, _CHANNEL, opened_ns)
        if id_ is not None:
            self._pending[real] = _Pending(id_, uri, before, thread, opened_ns)

    def _settle(self, real: str, opened: tuple[int, ...] | None) -> None:
        """Record how a pending write ended; `opened` is what `open` found just now, if it did."""
        pending = self._pending.pop(real, None)
        if pending is None or self._generation != self._recorder.generation:
            return
        recorder = self._recorder
        try:
            found = opened or stat_tuple(os.stat(real))
        except OSError:
            recorder.failed(pending.id)
            return
        if found == pending.before or (opened is not None and not found[2]):
            recorder.failed(pending.id)
            return
        digest, reason = self._digest(real, found)
        last_change = found[3] - (time.time_ns() - clock_ns())
        fields = {
            "id": pending.id,
            "opened_ns": pending.opened_ns,
            "closed_ns": max(pending.opened_ns, min(last_change, clock_ns())),
            "size_bytes": found[2],
            "fingerprint": fingerprint_text(found),
            "digest": digest,
            "reason": reason,
            "thread": pending.thread,
            "channel": _CHANNEL,
        }
        recorder.access("write", pending.uri, fields)

    def _digest(self, real: str, found: tuple[int, ...]) -> tuple[str | None, str | None]:
        limit = self._recorder.settings.append_hash_limit_bytes
        if found[2] > limit:
            return None, f"written by descriptor and larger than {limit} bytes"
        if holds_lock(found[1]):
            return None, "locked by the process that wrote it"
        from provfs.digest import hash_file  # noqa: PLC0415 - rare
        from provfs.model import Fingerprint  # noqa: PLC0415 - rare

        ident = get_ident()
        already = ident in self._recorder.busy
        self._recorder.busy.add(ident)
        try:
            result = hash_file(real, Fingerprint(*found))
        finally:
            if not already:
                self._recorder.busy.discard(ident)
        return (
            (str(result[0]), None) if result else (None, "changed or unreadable when it was hashed")
        )

    def _truncated(self, path: str, _arguments: tuple[Any, ...]) -> None:
        real = os.path.realpath(path)
        uri = self._uri(real)
        if uri is not None and os.path.isfile(real):
            self._expect(real, uri, stat_tuple(os.stat(real)))

    def _linked(self, _path: str, arguments: tuple[Any, ...]) -> None:
        source = _located(os.fsdecode(arguments[0]), arguments[2])
        target = _located(os.fsdecode(arguments[1]), arguments[3])
        uri = self._uri(target)
        if uri is not None and os.path.isfile(source) and not os.path.lexists(target):
            self._expect(target, uri, None)

    def _renamed(self, _path: str, arguments: tuple[Any, ...]) -> None:
        source = _located(os.fsdecode(arguments[0]), arguments[2])
        target = _located(os.fsdecode(arguments[1]), arguments[3])
        stat = os.lstat(source)
        if (stat.st_mode & _FORMAT) == _REGULAR:
            self._move(source, target, source, stat)
        elif (stat.st_mode & _FORMAT) == _DIRECTORY:
            self._move_tree(source, target, stat)

    def _move_tree(self, source: str, target: str, stat: os.stat_result) -> None:
        left = _DIRECTORY_LIMIT
        for directory, _, names in os.walk(source):
            for name in names:
                left -= 1
                if left < 0:
                    self._recorder.gap(
                        "directory-moved",
                        f"{source} holds more than {_DIRECTORY_LIMIT} files",
                        _CHANNEL,
                    )
                    return
                path = f"{directory}/{name}"
                below = os.lstat(path)
                if (below.st_mode & _FORMAT) == _REGULAR:
                    self._move(path, target + path[len(source) :], source, below, stat)

    def _move(
        self,
        path: str,
        to: str,
        gone: str,
        stat: os.stat_result,
        moved: os.stat_result | None = None,
    ) -> None:
        """Announce a new name of one file; `gone` (of state `moved`) is what will be missing."""
        uri, to_uri = self._uri(path), self._uri(to)
        if uri is None and to_uri is None:
            return
        self._settle(path, None)
        moved = moved or stat
        identity = (moved.st_dev, moved.st_ino)
        fingerprint = fingerprint_text(stat_tuple(stat))
        self._recorder.moved(
            uri or file_uri(path),
            to_uri or file_uri(to),
            gone,
            identity,
            fingerprint,
            _CHANNEL,
        )

    def _removed(self, _path: str, arguments: tuple[Any, ...]) -> None:
        path = _located(os.fsdecode(arguments[0]), arguments[1])
        uri = self._uri(path)
        if uri is None:
            return
        stat = os.lstat(path)
        if (stat.st_mode & _FORMAT) == _REGULAR:
            self._settle(path, None)
            fingerprint = fingerprint_text(stat_tuple(stat))
            self._recorder.moved(uri, None, path, (stat.st_dev, stat.st_ino), fingerprint, _CHANNEL)


def _located(path: str, directory: int) -> str:
    """Return the absolute path of a name, links resolved in its directory, not in its last part."""
    if directory >= 0 and not path.startswith("/"):
        path = f"{os.readlink(f'/proc/self/fd/{directory}')}/{path}"
    parent, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(parent), name)
