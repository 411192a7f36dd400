"""Watches over a gate from outside: how long does an opener wait, and when is it enough?

Contract: `Patience` is pure. `Guard` opens a file of its own behind the gate, again and again, as
any program would; when that takes longer than the gate may be silent, or is slow for too long, it
kills the gate, from a thread that nothing else can hold up. The kernel then lets all openers go on.
Not here: what happens after it, see `provfs_agent.backends.kernel.backend`.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import suppress
from typing import Final

from provfs_agent.backends.kernel.gate import SILENCE_S

SLOW_S: Final = 0.05
"""An answer that takes longer is slow: a tenth of what a person notices at work."""

_EVERY_S = 0.5
_PREFIX = "provfs-gate-"


class Patience:
    """Says when waits have been slow for too long.

    Args:
        for_s: How long every measurement must be slow.
        limit_s: Which waits are slow.
    """

    def __init__(self, for_s: float, limit_s: float = SLOW_S) -> None:
        self._for_s = for_s
        self._limit_s = limit_s
        self._since_s: float | None = None

    def is_over(self, now_s: float, wait_s: float) -> bool:
        """Take a measurement, and return whether all since long enough ago were slow."""
        if wait_s <= self._limit_s:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s >= self._for_s


class Guard:
    """Watches over one gate after another.

    Args:
        patience_s: How long waits may be slow.
    """

    def __init__(self, patience_s: float) -> None:
        remove_left_folders()
        self.folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        self._file = os.path.join(self.folder, "opened-again-and-again")
        with open(self._file, "wb"):
            pass
        self._patience_s = patience_s
        self._gate: int | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._opening_since_s: float | None = None
        self._patience = Patience(patience_s)
        self.last_wait_s = 0.0
        self.reason = ""
        for work in (self._open, self._watch):
            threading.Thread(target=work, name="provfs-gate-guard", daemon=True).start()

    def watch(self, gate: int) -> None:
        """Watch over the gate of this process number from now on."""
        descriptor = os.pidfd_open(gate)
        with self._lock:
            self._release()
            self._gate = descriptor
            self._patience = Patience(self._patience_s)
            self.reason = ""

    def stop(self) -> None:
        """End the threads, kill what is watched, and remove the file."""
        self._ended.set()
        self.kill("it was stopped")
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self, reason: str) -> None:
        """Kill the gate, if there is one."""
        with self._lock:
            if self._gate is None:
                return
            self.reason = self.reason or reason
            with suppress(OSError):
                signal.pidfd_send_signal(self._gate, signal.SIGKILL)
            self._release()

    def _release(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def _open(self) -> None:
        """Be an opener like any other; this thread may hang with the gate."""
        while not self._ended.wait(_EVERY_S):
            began_s = self._opening_since_s = time.monotonic()
            with suppress(OSError):
                os.close(os.open(self._file, os.O_RDONLY | os.O_CLOEXEC))
            now_s = time.monotonic()
            self._opening_since_s = None
            self.last_wait_s = now_s - began_s
            if self._patience.is_over(now_s, self.last_wait_s):
                self.kill(f"openers waited more than {SLOW_S * 1000:.0f} ms for too long")

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            since_s = self._opening_since_s
            if since_s is not None and time.monotonic() - since_s > SILENCE_S:
                self.kill(f"an opener waited more than {SILENCE_S:.0f} s")


def remove_left_folders() -> None:
    """Remove what guards of processes that were killed have left behind, if it is this user's."""
    for entry in os.scandir(tempfile.gettempdir()):
        pid = entry.name.removeprefix(_PREFIX).partition("-")[0]
        if not entry.name.startswith(_PREFIX) or not pid.isdigit():
            continue
        with suppress(OSError):
            is_ours = entry.stat(follow_symlinks=False).st_uid == os.geteuid()
            if (
                is_ours
                and entry.is_dir(follow_symlinks=False)
                and not os.path.exists(f"/proc/{pid}")
            ):
                shutil.rmtree(entry.path)
