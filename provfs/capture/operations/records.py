"""What the records of operations are made of: arguments, accesses, the state of local files.

Contract: nothing here swallows an error; `provfs.capture.operations.wrapper` does, around all of
it. Not here: which operation writes which record, see `transfers`, `moves` and `local` beside this
file.
"""

from __future__ import annotations

import os
from typing import Any

from provfs.capture.layers.places import ARCHIVE, kind_of
from provfs.capture.plain.state import fingerprint_text, stat_tuple
from provfs.digest import hash_file
from provfs.model import Fingerprint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.operations.wrapper import Call

CHANNEL = "fsspec"


def argument(call: Call, position: int, *names: str) -> Any:
    """Return an argument by position or by one of its names; None where it was not given."""
    if position < len(call.args):
        return call.args[position]
    for name in names:
        if name in call.kwargs:
            return call.kwargs[name]
    return None


def record_read(call: Call, uri: str, **fields: Any) -> int | None:
    """Record the read access of an operation, if it is in scope."""
    if not call.recorder.captures(uri):
        return None
    base = {"opened_ns": call.opened_ns, "thread": call.thread, "channel": CHANNEL}
    if kind_of(type(call.fs)) == ARCHIVE and "!/" in uri:
        from provfs.capture.layers.archives import record_container  # noqa: PLC0415 - only of archives

        record_container(call.recorder, call.fs, call.opened_ns, call.thread, CHANNEL)
    return call.recorder.read_object(uri, fields.get("fingerprint"), {**base, **fields})


def record_write(call: Call, uri: str, id_: int | None, **fields: Any) -> None:
    """Record the write access of an operation; with a new id where there was no opening."""
    if id_ is None and not call.recorder.captures(uri):
        return
    base = {"id": id_, "opened_ns": call.opened_ns, "thread": call.thread, "channel": CHANNEL}
    call.recorder.access("write", uri, {**base, **fields})


def begin_write(call: Call, uri: str) -> int | None:
    """Record that an operation is about to write, if that is in scope."""
    if not call.recorder.captures(uri):
        return None
    return call.recorder.opening(uri, call.thread, CHANNEL, call.opened_ns)


def withdraw(call: Call, note: Any) -> None:
    """Record that the write did not happen; `note` begins with its id."""
    id_ = note[0] if isinstance(note, tuple) else note
    if id_ is not None:
        call.recorder.failed(id_)


def local_state(path: str) -> dict[str, Any]:
    """Return size, fingerprint and digest of a local file, as fields; empty where there is none."""
    try:
        found = stat_tuple(os.stat(path))
    except OSError:
        return {}
    result = hash_file(path, Fingerprint(*found)) if os.path.isfile(path) else None
    return {
        "size_bytes": found[2],
        "fingerprint": fingerprint_text(found),
        "digest": str(result[0]) if result else None,
        "reason": None if result else "changed or unreadable when it was hashed",
    }
