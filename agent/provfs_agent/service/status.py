"""What the agent says of itself, and how another process reads it.

Contract: the file `agent.json` in the home is replaced as a whole; it is for `provfs-agent status`
and may change with every version. `problems` is empty where all is well. Not here: who runs, see
`provfs_agent.service.only_one`.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NAME = "agent.json"
_BEHIND_S = 60.0


def write_status(home: Path, facts: dict[str, Any]) -> None:
    """Put the status where others find it; a full disk is no error."""
    path = home / NAME
    unfinished = path.with_name(f"{NAME}.new")
    with contextlib.suppress(OSError):
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            json.dump(facts, file)
        os.replace(unfinished, path)


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
        if root["lost"] or root["overflows"]:
            yield f"{root['root']}: events were lost {root['overflows']} times; see the view gaps"
        if root["stepped_down"]:
            yield f"{root['root']} is watched at level {root['level']}: {root['stepped_down']}"


def _of_itself(facts: dict[str, Any]) -> Iterable[str]:
    if facts.get("lost_records"):
        yield f"{facts['lost_records']} records could not be written; is the disk full?"
    if facts.get("index_broken"):
        yield "the index cannot be written; is the disk full?"
    if facts.get("log_error"):
        yield f"the log cannot be written: {facts['log_error']}"
    if (facts.get("lag_s") or 0.0) > _BEHIND_S:
        yield f"events are taken {facts['lag_s']:.0f} s late"
