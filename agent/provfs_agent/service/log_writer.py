"""Have the journals taken into the log soon after they have grown, and never wait for it.

Contract: at most one ingest at a time, in a process of its own that is started when it is needed
and ended when nothing has come for `IDLE_S`. It begins `TOGETHER_S` after the agent has told
something, within `OTHERS_S` after others have. After an ingest that failed or cost much the next
one comes later, so that it takes no more than `SHARE` of a processor; what waits goes on waiting in
the journals. Not here: the ingest, see
`provfs_agent.service.ingester`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provfs.config import Settings

IDLE_S = 60.0
"""After this time without work the ingesting process is ended; it takes 0.3 s to start again."""

TOGETHER_S = 0.02
"""So long a record waits for others to go with; a batch costs as much for one as for many."""

OTHERS_S = 1.0
"""How often is looked whether captured programs have told something to journals of their own."""

SHARE = 0.5
"""Most of one processor that goes into ingesting all the time."""

_LONGEST_PAUSE_S = 10.0
_FIRST_FAILURE_PAUSE_S = 1.0


class LogWriter:
    """The one writer of the log of a home.

    Args:
        settings: Of the home, as the ingesting process gets them: what the configuration file says
            meanwhile, right or wrong, counts when the agent has read it.
        execution: Execution name of the agent.
        interval_s: Shortest time between the ends of two ingests.
    """

    def __init__(self, settings: Settings, execution: str, interval_s: float) -> None:
        self.settings = settings
        self.interval_s = interval_s
        self.last_error = ""
        self.last_ingest_s: float | None = None
        self.records = 0
        self._journals = settings.journal_directory
        self._execution = execution
        self._process: subprocess.Popen[bytes] | None = None
        self._answer = b""
        self._is_asked = False
        self._next_s = 0.0
        self._look_s = 0.0
        self._mine = execution.replace("-", ".") + "."
        self._told = self._told_taken = 0
        self._since_s: float | None = None
        self._failure_pause_s = 0.0
        self._hurries = False
        self._taken = -1
        self._asked_for = (0, -1)

    @property
    def pid(self) -> int | None:
        """Process id of the ingesting process; None while there is none."""
        return None if self._process is None else self._process.pid

    def fileno(self) -> int | None:
        """Return a descriptor that is readable when an ingest has ended; None while none runs."""
        if self._process is None or self._process.stdout is None or not self._is_asked:
            return None
        return self._process.stdout.fileno()

    def step(self, now_s: float, told: int) -> None:
        """Take the answer to the last ingest, and begin the next where journals have grown.

        Args:
            now_s: Seconds that never step.
            told: How many records the agent has written by now.
        """
        if self._is_asked:
            self._listen(now_s)
        if told != self._told and self._since_s is None:
            self._since_s = now_s
        self._told = told
        if self._is_asked or self.due_s(now_s) > 0:
            return
        sizes = self._taken
        if now_s >= self._look_s:
            self._look_s = now_s + OTHERS_S
            sizes = self._sizes()
        if sizes != self._taken or told != self._told_taken:
            self._since_s = None
            self._ask((told, sizes), now_s)
        elif self._process is not None and now_s > (self.last_ingest_s or 0.0) + IDLE_S:
            self.close()

    def due_s(self, now_s: float) -> float:
        """Return in how many seconds `step` may have something to do, but for an answer."""
        wanted_s = self._look_s
        if self._since_s is not None:
            wanted_s = min(wanted_s, self._since_s + TOGETHER_S)
        return max(wanted_s, self._next_s) - now_s

    def hurry(self) -> None:
        """Have the next ingest at once, because the agent ends."""
        self.interval_s = self._next_s = self._look_s = 0.0
        self._hurries = True

    @property
    def is_current(self) -> bool:
        """Whether all that stands in the journals is in the log."""
        is_mine = self._told == self._told_taken
        return is_mine and not self._is_asked and self._sizes() == self._taken

    def close(self, timeout_s: float = 5.0) -> None:
        """End the ingesting process after the ingest that is under way."""
        process, self._process = self._process, None
        self._is_asked = False
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _ask(self, waiting: tuple[int, int], now_s: float) -> None:
        try:
            if self._process is None:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "provfs_agent.service.ingester"),
                        *(self.settings.to_json(), self._execution),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, "PROVFS_DISABLED": "1"},
                    start_new_session=True,
                )
                if self._process.stdout is not None:
                    os.set_blocking(self._process.stdout.fileno(), False)
            if self._process.stdin is not None:
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()
            self._is_asked, self._asked_for, self._answer = True, waiting, b""
        except OSError as error:
            self._fail(f"the ingesting process cannot be used: {error}", now_s)
            self.close(0.0)

    def _listen(self, now_s: float) -> None:
        if self._process is None or self._process.stdout is None:
            return
        while chunk := self._process.stdout.read(65_536):
            self._answer += chunk
        if not self._answer.endswith(b"\n"):
            if self._process.poll() is not None:
                self._fail(f"the ingesting process ended with {self._process.returncode}", now_s)
                self.close()
            return
        self._is_asked = False
        answer = json.loads(self._answer)
        if "records" not in answer:
            self._fail(str(answer.get("busy") or answer.get("error")), now_s)
            return
        self._told_taken, self._taken = self._asked_for
        self.records += answer["records"]
        self.last_error, self._failure_pause_s = "", 0.0
        self.last_ingest_s = now_s
        rest_s = 0.0 if self._hurries else answer["cpu_s"] * (1 / SHARE - 1)
        self._next_s = now_s + min(max(self.interval_s, rest_s), _LONGEST_PAUSE_S)

    def _fail(self, reason: str, now_s: float) -> None:
        self.last_error = reason
        self._failure_pause_s = min(
            max(_FIRST_FAILURE_PAUSE_S, 2 * self._failure_pause_s), _LONGEST_PAUSE_S
        )
        self._next_s = now_s + self._failure_pause_s

    def _sizes(self) -> int:
        """Return what tells whether journals of others have grown since it was asked last."""
        sizes = []
        with contextlib.suppress(OSError), os.scandir(self._journals) as entries:
            for entry in entries:
                if entry.name.endswith(".jsonl") and not entry.name.startswith(self._mine):
                    with contextlib.suppress(OSError):
                        sizes.append((entry.name, entry.stat().st_size))
        return hash(frozenset(sizes))
