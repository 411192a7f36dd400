"""Start a process of the back end, and end it.

Contract: a child ends with the thread that started it, and with its socket.
Not here: what it does, see `provfs_agent.backends.kernel.gate` and `.ledger`.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from provfs_agent.backends.kernel import wire

if TYPE_CHECKING:
    import socket

_SILENT_S = 20.0
_END_S = 1.0


class Child:
    """A running process and the socket to it.

    Args:
        module: What it runs.
        end: Its end of the pair; closed here.
        ours: Our end.
        arguments: Its arguments.
        others: More sockets that it is given; closed here as well.
    """

    def __init__(
        self,
        module: str,
        end: socket.socket,
        ours: socket.socket,
        arguments: list[str],
        others: list[socket.socket],
    ) -> None:
        self.socket = ours
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROVFS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            env={**kept, "PROVFS_DISABLED": "1"},
            pass_fds=[each.fileno() for each in (end, *others)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for each in (end, *others):
            each.close()

    def wait_until_ready(self) -> wire.Ready:
        """Wait for the first word of a child that is alive; others than `Ready` are skipped.

        Raises:
            OSError: It failed, ended, or said nothing at all for too long.
        """
        heard_s = time.monotonic()
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        while time.monotonic() - heard_s < _SILENT_S:
            poller.poll(_END_S * 1000)
            try:
                messages = wire.receive(self.socket, wait=False)
            except EOFError:
                break
            for message in messages or ():
                heard_s = time.monotonic()
                if isinstance(message, wire.Ready):
                    return message
                if isinstance(message, wire.Failed):
                    raise OSError(message.number, message.text)
        msg = "ended" if self.process.poll() is not None else "did not answer"
        msg_0 = f"process {self.process.pid} of the back end {msg} before it was ready"
        raise OSError(msg_0)

    def end(self) -> None:
        """Close the socket and wait; kill it where that does not help."""
        self.socket.close()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
