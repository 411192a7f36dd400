"""Archives of fsspec: a member that is read is a read in part of the archive, too.

Contract: the archive is recorded here only where nobody else sees it: below `prov::zip://…::s3://…`
it was opened by a bare filesystem. One that is written is followed from the moment in which its
filesystem is wrapped, from where it stands. Not here: the uri of a member, see
`provfs.capture.layers.places`.
"""

from __future__ import annotations

import builtins
import os
from typing import Any

from provfs.capture.active import active
from provfs.capture.layers.places import LOCAL, container_of, kind_of, state_of, uri_of
from provfs.capture.plain.opening import CapturedOpen
from provfs.capture.plain.state import fingerprint_text, stat_tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.recorder import Recorder


def record_container(
    recorder: Recorder, fs: Any, opened_ns: int, thread: int, channel: str
) -> None:
    """Record that an archive was read, since a member of it was."""
    container = container_of(fs)
    if container is None or isinstance(builtins.open, CapturedOpen):
        return  # `provfs run` sees it at its own filesystem
    inner, path = container
    if hasattr(type(inner), "_provfs_bare"):
        return
    uri = uri_of(inner, path)
    if not recorder.captures(uri):
        return
    fingerprint, size = _state_of_container(inner, path, state_of(fs).get("fo"))
    fields = {
        "opened_ns": opened_ns,
        "size_bytes": size,
        "reason": "read in part, by its members",
        "thread": thread,
        "channel": channel,
    }
    recorder.read_object(uri, fingerprint, fields)


def follow_container(fs: Any) -> None:
    """Follow the file of an archive that is open for writing, where nobody else does."""
    recorder = active()
    container, file = container_of(fs), state_of(fs).get("fo")
    mode = state_of(fs).get("mode", "r")
    if recorder is None or container is None or file is None or mode not in {"w", "a"}:
        return
    inner, path = container
    if isinstance(builtins.open, CapturedOpen) or hasattr(type(inner), "_provfs_bare"):
        return
    try:
        uri = uri_of(inner, path)
        if not recorder.captures(uri):
            return
        if kind_of(type(inner)) == LOCAL:
            from provfs.capture.operations.local_handles import follow_opened  # noqa: PLC0415 - only local ones

            follow_opened(recorder, file)
        else:
            from provfs.capture.operations.handles import follow  # noqa: PLC0415 - imports `layers`

            follow(recorder, uri, "wb" if mode == "w" else "r+b", file)
    except Exception as error:  # noqa: BLE001 - capture never raises into the job
        recorder.trouble(error)


def _state_of_container(inner: Any, path: str, handle: Any) -> tuple[str | None, int | None]:
    """Return (fingerprint, size in bytes), each None where it is not known without a request."""
    if kind_of(type(inner)) == LOCAL:
        found = stat_tuple(os.stat(inner._strip_protocol(path)))  # noqa: SLF001 - how fsspec itself names a file
        return fingerprint_text(found), found[2]
    from provfs.capture.operations.telling import (  # noqa: PLC0415 - not of local archives
        fingerprint_of_details,
        names_versions,
    )

    size = getattr(handle, "size", None)
    details = getattr(handle, "_details", None)
    state = fingerprint_of_details(details, versions=names_versions(inner))
    return state, size if isinstance(size, int) else None
