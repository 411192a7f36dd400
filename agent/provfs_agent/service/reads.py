"""Gather repeated reads, so that a thousand epochs over a dataset are not a thousand records each.

Contract: the first read of a state by a process is told at once; those that follow within
`GATHER_NS` are told together. Reads by nobody known are told once in that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provfs.model import Fingerprint
    from provfs_agent.events import Actor, ProcessKey
    from provfs_agent.facts import Read
    from provfs_agent.service.journal import AgentJournal

GATHER_NS = 10_000_000_000
_GATHERED_MAX = 100_000


@dataclass(slots=True)
class _Again:
    actor: Actor | None
    state: Fingerprint | None
    digest: str | None
    reason: str
    opened_ns: int
    closed_ns: int
    until_ns: int
    opens: int = 0


class RepeatedReads:
    """Reads that were told a short while ago, and how often they were repeated.

    Args:
        journal: Where they are told.
    """

    def __init__(self, journal: AgentJournal) -> None:
        self._journal = journal
        self._told: dict[tuple[ProcessKey | None, str, Fingerprint | None], _Again] = {}

    def tell(self, fact: Read, state: Fingerprint | None, digest: str | None, reason: str) -> bool:
        """Tell a read, or count it; False where it could not be told."""
        actor = fact.actor
        if state is None:
            times = (fact.opened_ns, fact.closed_ns)
            return self._journal.read(actor, fact.path, times, None, digest, reason)
        key = (None if actor is None else actor.process, fact.path, state)
        again = self._told.get(key)
        if again is None:
            times = (fact.opened_ns, fact.closed_ns)
            if not self._journal.read(actor, fact.path, times, state, digest, reason):
                return False
            until_ns = fact.closed_ns + GATHER_NS
            self._told[key] = _Again(actor, state, digest, reason, *times, until_ns)
            return True
        if not again.opens:
            again.opened_ns = fact.opened_ns
        again.opens += 1
        again.closed_ns = fact.closed_ns
        return True

    def flush(self, now_ns: int | None) -> None:
        """Tell what was gathered for long enough; all of it where `now_ns` is None.

        The dictionary is in the order of the first reads, so that only what is due is looked at.
        """
        due = []
        for key, again in self._told.items():
            if now_ns is not None and again.until_ns > now_ns and len(self._told) < _GATHERED_MAX:
                break
            due.append(key)
        for key in due:
            again = self._told.pop(key)
            if again.opens and again.actor is not None:
                times = (again.opened_ns, again.closed_ns)
                self._journal.read(
                    *(again.actor, key[1], times, again.state, again.digest, again.reason),
                    opens=again.opens,
                )
