"""Find what an agent that was killed told its journal after the index was kept last.

Contract: reads only journals of that agent. What is found is a list of paths to look at, nothing
more: the log takes a state that is told again for the same version. Not here: the index, see
`provfs_agent.known.index`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from provfs.ingest.ended import INGESTED
from provfs.journal import record
from provfs.model import path_of_uri

if TYPE_CHECKING:
    from pathlib import Path


def told_since(directory: Path, last: dict[str, int]) -> list[str]:
    """Return the local paths of all records after the last ones that the index knows of.

    Args:
        directory: The journal directory.
        last: Number of a record by execution name of an agent; all of all agents where empty.
    """
    paths: dict[str, None] = {}
    for execution, number in (last or {"": 0}).items():
        for journal in _newest_first(directory, execution):
            reaches_back = False
            with contextlib.suppress(OSError), journal.open("rb") as file:
                for line in file:
                    if (told := _told(line)) is None:
                        continue
                    if told.id <= number:
                        reaches_back = True
                        continue
                    names = (told.uri, getattr(told, "to", None))
                    paths.update(dict.fromkeys(path for path in map(_path, names) if path))
            if reaches_back:
                break
    return list(paths)


def _newest_first(directory: Path, execution: str) -> list[Path]:
    pattern = f"{execution.replace('-', '.') or '*'}.*.jsonl"
    found = [*directory.glob(pattern), *(directory / INGESTED).glob(pattern)]
    return sorted(found, key=lambda path: _numbers(path.name), reverse=True)


def _numbers(name: str) -> tuple[int, int]:
    """Return start and number of a journal from its file name."""
    parts = name.split(".")
    return (int(parts[2]), int(parts[3])) if parts[2].isdigit() and parts[3].isdigit() else (0, 0)


def _told(line: bytes) -> record.Access | record.Change | record.Rename | record.Remove | None:
    if b'"channel":"agent"' not in line:
        return None
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        told = record.decode(line)
        if isinstance(told, record.Access | record.Change | record.Rename | record.Remove):
            return told
    return None


def _path(uri: str | None) -> str | None:
    return None if uri is None else path_of_uri(uri)
