"""What is concluded from raw events: the values that travel from settling to the journal.

Contract: immutable, no I/O. Times are on the clock of `provfs_agent.events.clock_ns`; paths are
absolute local paths as `os.fsdecode` gives them. `state` is what the file looked like when the
event was taken, None where it was gone by then; `actor` is None where nobody knows who did it.
Not here: how they come about, see `provfs_agent.settle`; how they are written down, see
`provfs_agent.service.journal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provfs.model import Fingerprint
    from provfs_agent.events import Actor


@dataclass(frozen=True, slots=True)
class Read:
    """A file was opened and closed, and not for writing."""

    path: str
    opened_ns: int
    closed_ns: int
    actor: Actor | None
    state: Fingerprint | None


@dataclass(frozen=True, slots=True)
class Write:
    """A file may have new content.

    `sure` says that bytes were seen to be written, or that the file is new; otherwise it was only
    open for writing, and content decides. `created` says that the name is new. `closed` is False
    where no close was seen; the state is then looked at when its turn comes.
    """

    path: str
    opened_ns: int
    closed_ns: int
    actor: Actor | None
    state: Fingerprint | None
    sure: bool = True
    created: bool = False
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Rename:
    """A file, or a directory with all below it, got another name."""

    path: str
    to: str
    at_ns: int
    actor: Actor | None
    state: Fingerprint | None = None
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """A file, or a directory with all below it, is gone from its name.

    `is_doubtful`: it is told also where nothing is known of the name.
    """

    path: str
    at_ns: int
    actor: Actor | None
    is_directory: bool = False
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Appeared:
    """A directory is new below a root; what is in it came without events, or with some."""

    path: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Something below a root was not seen: which sort of loss, between which times, how much.

    `count` is 0 where it is not known. `is_gone`: the root itself is no longer there.
    """

    kind: str
    root: str
    from_ns: int
    to_ns: int
    count: int = 0
    detail: str = ""
    is_gone: bool = False


Fact = Read | Write | Rename | Remove | Appeared | Lost
