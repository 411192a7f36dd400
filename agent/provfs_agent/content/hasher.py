"""Hash files in a few background threads: small ones newest first, huge ones in a lane apart.

Contract: `submit` replaces what waits under the same path, `done` returns what is finished and
never blocks. A file that does not stand still is tried again after `BACK_OFF_S`, then given up. At
most `SMALL_WORKERS` + 1 files are read at once; the threads run at the lowest priority for
processor and disk, and rest where others wait for the disk. Not here: how one file is hashed, see
`provfs_agent.content.steady`; which files are, see `provfs_agent.service.contents`.
"""

from __future__ import annotations

import contextlib
import ctypes
import heapq
import os
import platform
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provfs_agent.content.brake import Brake
from provfs_agent.content.own import Clock, OwnReads
from provfs_agent.content.steady import Hashed, Refused, hash_steady

if TYPE_CHECKING:
    from provfs_agent.content.reading import Prefix

BACK_OFF_S = (0.5, 2.0, 8.0)
"""Pauses before a file that did not stand still is hashed again; then it is given up."""

HUGE_BYTES = 256 << 20
"""Files of this size share a worker, so that small ones never wait for them."""

SMALL_WORKERS = 2
SHARE = 0.1
"""Most of the time that goes into one and the same file, which is written all the time."""

_IO_CLASS_IDLE = 3 << 13
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""Source: ioprio_set(2) and the tables of system calls."""


@dataclass(slots=True)
class Job:
    """A file to be hashed, and what came of it.

    `ticket` is the caller's; `again` says how often the file has been tried before, `is_final` that
    it will not be tried again.
    """

    path: str
    ticket: int
    size_bytes: int = 0
    inode: tuple[int, int] | None = None
    prefix: Prefix | None = None
    again: int = 0
    is_final: bool = True
    result: Hashed | Refused | None = None


@dataclass
class _Lane:
    """Jobs that wait, the newest last, at most one for each path."""

    jobs: dict[str, Job] = field(default_factory=dict)
    wanted: threading.Condition = field(default_factory=threading.Condition)


class Hasher:
    """The workers and their queues.

    Args:
        never: (device, inode) of files that must not be opened.
        clock: Seconds that never step.
    """

    def __init__(
        self, never: frozenset[tuple[int, int]] = frozenset(), clock: Clock = time.monotonic
    ) -> None:
        self.never = never
        self.own_reads = OwnReads(clock)
        self.hashed_bytes = 0
        self.hashed_files = 0
        self.refusals = 0
        self._clock = clock
        self._stopping = False
        self._small, self._huge = _Lane(), _Lane()
        self._later: list[tuple[float, int, Job]] = []
        self._rested: dict[str, float] = {}
        self._finished: deque[Job] = deque()
        self._busy = 0
        self._count_lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        lanes = [self._small] * SMALL_WORKERS + [self._huge]
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), daemon=True, name="provfs-hash")
            for lane in lanes
        ]
        for thread in self._threads:
            thread.start()

    def fileno(self) -> int:
        """Return a descriptor that is readable when `done` has something."""
        return self._wake_read

    def submit(self, job: Job) -> Job | None:
        """Hash a file soon; return the job that waited for the same path and is dropped for it."""
        lane = self._huge if job.size_bytes >= HUGE_BYTES else self._small
        rest_until = self._rested.get(job.path, 0.0)
        dropped = self._forget(job.path)
        if rest_until > self._clock():
            heapq.heappush(self._later, (rest_until, job.ticket, job))
            return dropped
        with lane.wanted:
            lane.jobs[job.path] = job
            lane.wanted.notify()
        return dropped

    def done(self) -> list[Job]:
        """Return what is finished, with its result, and start what has rested long enough."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            job = heapq.heappop(self._later)[2]
            self._rested.pop(job.path, None)
            self.submit(job)
        finished = []
        while self._finished:
            job = self._finished.popleft()
            result, job.is_final = job.result, True
            if isinstance(result, Refused) and result.again and job.again < len(BACK_OFF_S):
                pause = BACK_OFF_S[job.again]
                job.again += 1
                job.is_final = False
                heapq.heappush(self._later, (now + pause, job.ticket, job))
            finished.append(job)
        if len(self._rested) > len(BACK_OFF_S) << 10:
            self._rested = {
                path: until for path, until in list(self._rested.items()) if until > now
            }
        return finished

    def next_due_s(self) -> float | None:
        """Return in how many seconds a resting file is due; None where there is none."""
        return max(0.0, self._later[0][0] - self._clock()) if self._later else None

    @property
    def waiting(self) -> int:
        """How many files wait or are being hashed."""
        return len(self._small.jobs) + len(self._huge.jobs) + len(self._later) + self._busy

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the threads; files that are being read are let go at the next block."""
        self._stopping = True
        for lane in (self._small, self._huge):
            with lane.wanted:
                lane.wanted.notify_all()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        os.close(self._wake_write)
        os.close(self._wake_read)

    def _work(self, lane: _Lane) -> None:
        _lowest_priority()
        brake = Brake()

        def stopped() -> bool:
            brake.rest()
            return self._stopping

        while (job := self._take(lane, brake)) is not None:
            began, rested_s = self._clock(), brake.rested_s
            self.own_reads.expect(job.path)
            job.result = hash_steady(job.path, job.inode, job.prefix, stopped, self.never)
            took = self._clock() - began - (brake.rested_s - rested_s)
            with self._count_lock:
                self._busy -= 1
                if isinstance(job.result, Hashed):
                    self.hashed_files += 1
                    self.hashed_bytes += job.result.fingerprint.size_bytes
                else:
                    self.refusals += 1
            if took > SHARE:
                self._rested[job.path] = self._clock() + took / SHARE
            self._finished.append(job)
            with contextlib.suppress(OSError):
                os.write(self._wake_write, b"\0")

    def _forget(self, path: str) -> Job | None:
        """Drop the job that waits for a path; one that is being done goes on."""
        dropped = None
        for lane in (self._small, self._huge):
            with lane.wanted:
                dropped = lane.jobs.pop(path, dropped)
        for place, (_, _, job) in enumerate(self._later):
            if job.path == path:
                del self._later[place]
                heapq.heapify(self._later)
                return job
        return dropped

    def _take(self, lane: _Lane, brake: Brake) -> Job | None:
        since = self._clock()
        with lane.wanted:
            while not lane.jobs and not self._stopping:
                lane.wanted.wait()
            if self._stopping:
                return None
            _, job = lane.jobs.popitem()
            with self._count_lock:
                self._busy += 1
            brake.idle(self._clock() - since)
            return job


def _lowest_priority() -> None:
    """Let this thread go last for processor and disk; without the right or the call, do nothing."""
    number = _IOPRIO_SET.get(platform.machine())
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    if number is not None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(number, 1, threading.get_native_id(), _IO_CLASS_IDLE)
