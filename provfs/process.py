"""Say whether a process of this host is still running, by what the kernel knows of it.

Contract: a process is named by boot, process id and start time, so that a number that is used again
is not taken for the process that had it before. Only Linux can tell; elsewhere nothing is known.
Not here: how a process names itself, see `provfs.capture.execution`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provfs.model import ExecutionName

_BOOT_LENGTH = 12


@lru_cache(maxsize=1)
def boot() -> str | None:
    """Return the first 12 hex digits of the boot id of this host; None where it has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().replace("-", "")[:_BOOT_LENGTH]
    except OSError:
        return None


def start_of(pid: int) -> int | None:
    """Return the start time of a living process in clock ticks since boot; None where unknown.

    A process that has ended but was not waited for counts as gone.
    Source: proc_pid_stat(5), fields 3 and 22.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def is_over(name: ExecutionName) -> bool | None:
    """Return whether an execution has ended; None where this host cannot know."""
    if name.boot != boot():
        return None
    return start_of(name.pid) != name.start
