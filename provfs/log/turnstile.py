"""Take turns at the log: many short readers, one short writer, nobody starves.

Contract: two files beside the log, `gate` and `use`, locked with flock. A reader passes the gate
shared and holds `use` shared while it has the log open; a writer holds both exclusively, so that
readers that come later wait behind it. The kernel gives the locks back when a process dies.
Programs that do not know the turnstile are met by retrying the open, see `provfs.log.store`.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provfs.errors import LogBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: the engine's own lock has to do
    fcntl = None  # type: ignore[assignment]

_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.05


def pauses(timeout_s: float) -> Iterator[None]:
    """Yield at once, then after growing pauses, until the time is over."""
    end = time.monotonic() + timeout_s
    pause = _FIRST_PAUSE_S
    while True:
        yield
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE_S)


@contextmanager
def reading(directory: Path, timeout_s: float) -> Iterator[None]:
    """Hold the log open for reading; waits while a writer is in or before the gate.

    A directory without lock files that cannot be written (a log on read-only media) needs no turn.

    Raises:
        LogBusyError: A writer did not finish in time.
    """
    with _locked(directory / "use", timeout_s, exclusive=False, gate=directory / "gate"):
        yield


@contextmanager
def writing(directory: Path, timeout_s: float) -> Iterator[None]:
    """Hold the log open for writing; waits until all who came before are done.

    Raises:
        LogBusyError: The others did not finish in time.
    """
    with (
        _locked(directory / "gate", timeout_s, exclusive=True),
        _locked(directory / "use", timeout_s, exclusive=True),
    ):
        yield


@contextmanager
def _locked(
    path: Path, timeout_s: float, *, exclusive: bool, gate: Path | None = None
) -> Iterator[None]:
    if fcntl is None:  # pragma: no cover
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if not exclusive and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            yield
            return
        raise
    try:
        if gate is None:
            _lock(descriptor, path, timeout_s, exclusive=exclusive)
        else:
            with _locked(gate, timeout_s, exclusive=False):
                _lock(descriptor, path, timeout_s, exclusive=exclusive)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, timeout_s: float, *, exclusive: bool) -> None:
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    for _ in pauses(timeout_s):
        try:
            fcntl.flock(descriptor, operation)
        except BlockingIOError:
            continue
        return
    doing = "being read" if exclusive else "being written"
    msg = f"the log in {path.parent} is still {doing} by another process after {timeout_s:g} s"
    raise LogBusyError(msg, hint="try again when it is done")
