"""Bring the events of two channels into one order, and say until when the story is complete.

Contract: pure but for the clock. An event is given out when every other channel has been heard of
until after it, so that what a slow channel has still to tell comes first; one that says nothing for
`PATIENCE_NS` is not waited for any longer. With a single channel nothing waits.
Not here: how far a channel has heard, see `provfs_agent.backends.kernel.wire`.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from provfs_agent.events import clock_ns

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_NS: Final = 10_000_000_000
"""Longest time that an event waits for the other channel; a gate that hangs is ended before."""

Item = TypeVar("Item")


class Merge(Generic[Item]):
    """Events of several channels on their way into one order.

    Args:
        clock: The clock of the events.
    """

    def __init__(self, clock: Callable[[], int] = clock_ns) -> None:
        self._clock = clock
        self._heard: dict[str, int] = {}
        self._asked: set[str] = set()
        self._newest: dict[str, int] = {}
        self._held: list[tuple[int, int, str, Item]] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._held)

    def join(self, channel: str) -> None:
        """Wait for a channel from now on; it has said nothing yet."""
        self._heard[channel] = 0
        self._asked.discard(channel)

    def leave(self, channel: str) -> None:
        """Wait for a channel no longer; what it has told stays."""
        self._heard.pop(channel, None)
        self._asked.discard(channel)

    def add(self, channel: str, at_ns: int, item: Item) -> None:
        """Take an event."""
        self._count += 1
        self._newest[channel] = max(self._newest.get(channel, 0), at_ns)
        heapq.heappush(self._held, (at_ns, self._count, channel, item))

    def heard(self, channel: str, until_ns: int) -> None:
        """Note that a channel has told all that happened before a moment."""
        if channel in self._heard:
            self._heard[channel] = max(self._heard[channel], until_ns)
            self._asked.discard(channel)

    def take(self) -> list[Item]:
        """Return the events that nothing can come before any more, in order."""
        given_up_ns = self._clock() - PATIENCE_NS
        found = []
        while self._held:
            at_ns, _, channel, item = self._held[0]
            others = (until for other, until in self._heard.items() if other != channel)
            if at_ns > max(given_up_ns, min(others, default=at_ns)):
                break
            heapq.heappop(self._held)
            found.append(item)
        return found

    def complete_ns(self, wanted_ns: int) -> int:
        """Return until when everything has been given out, at most `wanted_ns`."""
        given_up_ns = self._clock() - PATIENCE_NS
        if len(self._heard) > 1:
            wanted_ns = min(wanted_ns, max(given_up_ns, *[min(self._heard.values())]))
        return min(wanted_ns, self._held[0][0] - 1) if self._held else wanted_ns

    def to_ask(self, wanted_ns: int = 0) -> list[str]:
        """Return the channels that have to be asked how far they are, each once until it answers.

        Args:
            wanted_ns: Until when everything has to be known, beside the events that wait.
        """
        if len(self._heard) < 2:  # noqa: PLR2004 - there is no other
            return []
        asked = []
        for channel, until_ns in self._heard.items():
            others = [at for other, at in self._newest.items() if other != channel and self._held]
            if until_ns < max(wanted_ns, *others, 0) and channel not in self._asked:
                asked.append(channel)
        self._asked.update(asked)
        return asked
