"""Read slowly where others wait for the disk, as the kernel's pressure information tells.

Contract: belongs to one thread. `rest` is asked between two blocks and costs nothing until that
thread has worked for `WORK_S`; it sleeps half a second at most. Whether it is others who wait shows
only while this thread rests: then the time in which somebody waited is measured. Without pressure
information there is no rest.
Source: Documentation/accounting/psi.rst of the kernel.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

PRESSURE: Final = "/proc/pressure/io"
WORK_S: Final = 0.15
PROBE_S: Final = 0.02
LIMIT: Final = 0.2
"""Share of the time in which somebody waits for the disk, above which this gives way."""

REST: Final = 3
"""So many times what was worked is rested then: a quarter of the time is left."""

_LONGEST_S = 0.5


class Pressure(NamedTuple):
    """In which share of the last ten seconds somebody waited, and for how long ever."""

    share: float
    waited_s: float


def pressure_now(path: str = PRESSURE) -> Pressure | None:
    """Return the pressure on the disks of this machine; None where the kernel does not tell."""
    with suppress(OSError, ValueError, KeyError), open(path, encoding="ascii") as file:
        fields = dict(field.split("=") for field in file.readline().split()[1:])
        return Pressure(float(fields["avg10"]) / 100, int(fields["total"]) / 1e6)
    return None


class Brake:
    """What one thread of the hasher has worked, and when it rests.

    Args:
        pressure: Tells it.
        clock: Seconds that never step.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        pressure: Callable[[], Pressure | None] = pressure_now,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pressure = pressure
        self._clock = clock
        self._sleep = sleep
        self._since_s = clock()
        self.rested_s = 0.0

    def idle(self, seconds: float) -> None:
        """Note that there was nothing to do for so long, up to now."""
        self._since_s += seconds

    def rest(self) -> None:
        """Rest if it is time to, and others wait."""
        worked_s = self._clock() - self._since_s
        if worked_s < WORK_S:
            return
        before = self._pressure()
        if before is not None and before.share > LIMIT:
            self._pause(PROBE_S)
            after = self._pressure()
            if after is not None and after.waited_s - before.waited_s > LIMIT * PROBE_S:
                self._pause(min(REST * worked_s, _LONGEST_S))
        self._since_s = self._clock()

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)
        self.rested_s += seconds
