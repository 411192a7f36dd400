"""Tell systemd how the service is doing: ready, reloading, stopping, alive.

Contract: one datagram each, to the socket that the environment names; nothing where there is none,
and never an error. Source: sd_notify(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time


class Notifier:
    """The way to the service manager, if one started this process."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = _watchdog_s()

    def ready(self) -> None:
        """Everything is watched."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is read again; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1")

    def alive(self, status: str) -> None:
        """Events are being taken; `status` is for people."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel,
        ):
            channel.setblocking(False)
            channel.sendto(text.encode(), self._address)


def _watchdog_s() -> float | None:
    """Return how often the manager wants to hear that this process is alive; None where never."""
    pid = os.environ.get("WATCHDOG_PID")
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text.isdigit() or (pid is not None and pid != str(os.getpid())):
        return None
    return int(text) / 1e6 / 3
