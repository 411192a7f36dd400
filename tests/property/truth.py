"""What is true of an invented history: executions, versions, who read and who wrote them.

Times are boot-clock nanoseconds, but `mtime_ns`, which is UTC as the filesystem stamped it.
Not here: how a history comes about, see `tests.property.history`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    """What names a version in a comparison: its place in the end, and when its content was made."""

    name: str
    mtime_ns: int


class Process(NamedTuple):
    """One execution; `program` is the pid of the first execution of its program."""

    pid: int
    program: int
    parent: int | None
    started_ns: int


class Write(NamedTuple):
    """The write that made a version."""

    pid: int
    thread: int | None
    opened_ns: int
    closed_ns: int


class Read(NamedTuple):
    """An opening of a version to read by one execution and thread under one name; `World.reads`
    has the first of each, `World.openings` has all.
    """

    pid: int
    thread: int | None
    version: int
    opened_ns: int


@dataclass
class Version:
    """One state of a file; `carried` when its own program moved it, `moved_from` when another did.

    `author` is who wrote the content that was moved; where it was written here, `write` says who.
    """

    number: int
    name: str
    mtime_ns: int
    content: str
    created_ns: int
    origin: str
    write: Write | None = None
    moved_from: int | None = None
    author: int | None = None
    carried: bool = False
    digest_known: bool = False

    @property
    def key(self) -> Key:
        """Where it lies in the end, and since when it is as it is."""
        return Key(self.name, self.mtime_ns)
