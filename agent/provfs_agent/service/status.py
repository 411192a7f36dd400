"""What the agent says of itself, and how another process reads it.

Contract: the file `agent.json` in the home is replaced as a whole; it is for `provfs-agent status`
and may change with every version. `problems` is empty where all is well: what was lost is one for
`RECENT_S`, afterwards it stands in the numbers and in the view `gaps` only. Not here: who runs, see
`provfs_agent.service.only_one`.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

from provfs_agent.whole_file import replace_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NAME = "agent.json"
RECENT_S = 3600.0
"""A loss is a problem for so long."""

_BEHIND_S = 60.0


class LastLoss:
    """When something was lost last."""

    def __init__(self) -> None:
        self._at_s: tuple[float, float] | None = None

    def note(self) -> None:
        """Note that something was lost now."""
        self._at_s = time.time(), time.monotonic()

    def facts(self) -> dict[str, float] | None:
        """Return when it was (UTC epoch), and how many seconds ago; None where nothing was."""
        if self._at_s is None:
            return None
        return {"at": self._at_s[0], "ago_s": time.monotonic() - self._at_s[1]}


def write_status(home: Path, facts: dict[str, Any]) -> None:
    """Put the status where others find it; a full disk is no error."""
    replace_whole(home / NAME, json.dumps(facts).encode("utf-8", "replace"))


def read_status(home: Path) -> dict[str, Any]:
    """Return what an agent wrote last; empty where none did."""
    try:
        facts = json.loads((home / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def problems_of(facts: dict[str, Any]) -> list[str]:
    """Return why the agent is not entirely well, one sentence each."""
    return [*_of_roots(facts.get("roots", [])), *_of_itself(facts)]


def _of_roots(roots: Iterable[dict[str, Any]]) -> Iterable[str]:
    for root in roots:
        if not root["watched"]:
            yield f"{root['root']} is not watched: {root['problem']}"
            continue
        if last := _recent(root.get("last_loss")):
            times = f"{root['overflows']} times, the last {last}"
            yield f"{root['root']}: events were lost {times}; see the view gaps"
        if root["stepped_down"]:
            yield f"{root['root']} is watched at level {root['level']}: {root['stepped_down']}"


def _of_itself(facts: dict[str, Any]) -> Iterable[str]:
    if last := _recent(facts.get("last_lost_record")):
        lost = f"{facts['lost_records']} records could not be written, the last {last}"
        yield f"{lost}; is the disk full?"
    if facts.get("index_broken"):
        yield "the index cannot be written; is the disk full?"
    if facts.get("log_error"):
        yield f"the log cannot be written: {facts['log_error']}"
    if (facts.get("lag_s") or 0.0) > _BEHIND_S and facts.get("event_ago_s", 0.0) < _BEHIND_S:
        yield f"events are taken {facts['lag_s']:.0f} s late"


def _recent(loss: dict[str, Any] | None) -> str:
    """Return when something was lost, in words, if it was a short while ago."""
    if not loss or loss["ago_s"] >= RECENT_S:
        return ""
    moment = dt.datetime.fromtimestamp(loss["at"], dt.UTC)
    return f"at {moment.isoformat(timespec='seconds')}"
