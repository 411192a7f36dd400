"""What every back end says: raw events, who caused them, and how well a back end sees.

Contract: values only, no I/O. A raw event is what one channel saw, before anything is concluded
from it: several may tell of one access, and none of one that happened in a gap. `seq` rises by at
least one with each event of a back end; `at_ns` is when the event was read, on CLOCK_BOOTTIME
(CLOCK_REALTIME where the system has no such clock), never before it happened. Paths are absolute
and decoded as `os.fsdecode` does. Content is named by `file`, a path is only where it was found:
between the event and its reading the file can have been renamed, replaced or removed.
Not here: which back end watches a root, see `provfs_agent.backends.choose`; what follows from the
events, see `provfs_agent.settle`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_REALTIME)

BackendName = Literal["gate", "ledger", "inotify", "poll", "remote"]
"""Who saw it: fanotify's permission group or its handle group, watchdog, or a comparison of lists.

`inotify` stands for watchdog's native observer of any system."""

Kind = Literal[
    "open", "close_read", "close_write", "modify", "create", "delete", "rename", "attrib",
    "overflow", "gone",
]  # fmt: skip
"""What happened.

- `open`: opened, not yet known for what; only a close says so.
- `close_read`, `close_write`: the last holder let go of a file that was opened without or with the
  right to write. Neither says that bytes were moved: a mapped file is read without any other event,
  and a file that was opened for writing need not have been written.
- `modify`: written or cut; the only event of `truncate(path)`. Several may be one event.
- `create`: a name appeared: a new file, a hard or symbolic link. Also given without an actor for
  what was found in a directory that is new below the root, with its moment unknown. `detail` starts
  with "moved in" where something came from outside; then the actor wrote no bytes. In a new
  directory it can be the only event of a file: then its actor wrote the file, and no close tells.
- `delete`: a name went: removed, or (`detail` starts with "moved out") moved out of the root. For a
  directory: all below it too.
- `rename`: `old_path` became `path`; what stood at `path` before is gone. For a directory: all
  below it has moved too, and no further event says so.
- `attrib`: mode, owner, times, extended attributes or the number of links changed.
- `overflow`: events were lost below `path`, from the last event on; compare with the disk.
- `gone`: the root itself was removed, moved or unmounted; nothing more will come.
"""

Order = Literal["certain", "merged"]
"""`certain`: events of one back end with this order happened in the order of `seq`. `merged`: the
event happened at some time between the one before it and its own `at_ns`."""

Attribution = Literal["exact", "best-effort", "none"]


def clock_ns() -> int:
    """Return now on the clock of `RawEvent.at_ns`."""
    return time.clock_gettime_ns(CLOCK)


class FileKey(NamedTuple):
    """A file of this host while it exists, whatever its names are."""

    device: int
    inode: int


class ProcessKey(NamedTuple):
    """A process of this boot: its number, and its start in clock ticks since boot."""

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class Actor:
    """The process that caused an event, as it was then.

    `certain` says that all of this was read while the process was held still, or else while it was
    certainly alive; then only an exec between a `merged` event and its reading can have changed the
    program. Otherwise every field but `process` can be missing.

    Attributes:
        process: Which process, also where several events name it.
        parent: The process that started it; None where that has ended, or is not visible.
        ancestors: `parent` and those above it, nearest first, without the first process.
        command: The arguments with secrets removed; empty where they could not be read.
        executable: Absolute path of the running program; None where not known or not permitted.
        cwd: Working directory; None likewise.
        user_name: Name of the effective user, its number where it has no name; None if not known.
        login_user: Name of the user who logged in; None where there was no login.
        container: Id of the container, from the control group; None outside containers.
        environment: `NAME=value` of the variables that name captured executions and jobs.
        input_pipe: `pipe:[inode]` where standard input is a pipe, else None.
        output_pipe: Likewise for standard output.
    """

    process: ProcessKey
    parent: ProcessKey | None = None
    ancestors: tuple[ProcessKey, ...] = ()
    command: tuple[str, ...] = ()
    executable: str | None = None
    cwd: str | None = None
    user_name: str | None = None
    login_user: str | None = None
    container: str | None = None
    environment: tuple[str, ...] = ()
    input_pipe: str | None = None
    output_pipe: str | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One thing that one back end saw.

    Attributes:
        seq: Position in the stream of one back end; makes any two events unequal.
        at_ns: When it was read, on the clock of `clock_ns`.
        backend: Which channel saw it; one back end can have several.
        kind: What happened.
        path: Where, or the root for `overflow` and `gone`; a uri for `remote`.
        old_path: The name before, for `rename`.
        is_directory: Whether `path` names a directory.
        file: The content that was touched; None where it could not be told.
        actor: Who did it; None where not known.
        order: How well the moment is known.
        lost: How many events were lost, for `overflow`; 0 where that is not known.
        detail: Why, in words for a person, for `overflow` and `gone`; from or to where, for what
            was moved over the border; the new fingerprint, for `remote`.
    """

    seq: int
    at_ns: int
    backend: BackendName
    kind: Kind
    path: str
    old_path: str | None = None
    is_directory: bool = False
    file: FileKey | None = None
    actor: Actor | None = None
    order: Order = "merged"
    lost: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """How well one root is watched at this moment.

    Attributes:
        level: Which one watches: `A` gate and ledger, `B` ledger, `C` inotify, `D` the native
            observer of another system, `E` polling, `R` listing of a remote filesystem.
        name: The same in words, for a person.
        attribution: Whether events say who did it.
        reads_visible: Whether reading a file makes events.
        marks: How many directories are marked or watched, or files listed.
        marks_limit: How many the system allows; None where there is no limit.
        queue_depth: Events that were read from the kernel and not yet taken.
        lost: Events that are known to be lost since the start; each loss is also an `overflow`.
        refused: (level, reason) of the better levels that were tried and could not be had.
        stepped_down: Why it watches at a lower level than it began with; empty where it does not.
        holes: What this level cannot see, one sentence each.
        answer_p99_ms: 99th percentile of the time that openers waited lately; None without a gate.
    """

    level: Literal["A", "B", "C", "D", "E", "R"]
    name: str
    attribution: Attribution
    reads_visible: bool
    marks: int = 0
    marks_limit: int | None = None
    queue_depth: int = 0
    lost: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    stepped_down: str = ""
    holes: tuple[str, ...] = ()
    answer_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a root is to be watched.

    Attributes:
        attribution: `strict` asks for the gate, which lets openers wait 20 to 70 µs; `fast` never
            does.
        level: The only level to try, for tests and for operators who know; `auto` otherwise.
        whole_filesystem: Mark the filesystem and not each directory, where that can be; every
            opening on it then pays.
            None: only where the root is a filesystem of its own.
        skip_paths: Absolute paths of directories below which nothing is watched; the home of provfs
            must be among them.
        skip_names: Names of directories that are not watched wherever they stand, such as `.git`.
        own_processes: Numbers of living processes whose events are left out: the agent and its
            helpers.
        poll_interval_s: Time between two comparisons, where the system tells of no changes.
        requests_per_s: Most listing requests to a remote filesystem.
        keep_lists: Directory for the lists of remote filesystems, which the next run compares with;
            empty where they are not kept.
    """

    attribution: Literal["strict", "fast"] = "strict"
    level: Literal["auto", "gate", "ledger", "native", "poll"] = "auto"
    whole_filesystem: bool | None = None
    skip_paths: tuple[str, ...] = ()
    skip_names: frozenset[str] = frozenset()
    own_processes: frozenset[int] = field(default_factory=frozenset)
    poll_interval_s: float = 10.0
    requests_per_s: float = 5.0
    keep_lists: str = ""


class Backend(Protocol):
    """One watched root. Not thread-safe: one thread calls all of it.

    `start` returns when everything below the root is marked, so that a scan that begins afterwards
    misses nothing; on a back end that has started it does nothing. A back end steps down to a lower
    level by itself, with an `overflow`, and never up.
    """

    root: str

    def start(self) -> None:
        """Begin to watch.

        Raises:
            OSError: The root cannot be watched in this way; nothing is left behind.
        """

    def events(self, timeout_s: float) -> list[RawEvent]:
        """Return what was seen, in order of `seq`; empty after `timeout_s` without anything."""

    def complete_ns(self, wanted_ns: int) -> int:
        """Return until when all that happened has been returned by `events`, up to `wanted_ns`.

        Where that is not yet `wanted_ns`, those are asked who know, and `fileno` gets readable.
        """

    def fileno(self) -> int | None:
        """Return a descriptor that is readable when `events` has something; None where not."""

    def status(self) -> BackendStatus:
        """Return how well it sees now; cheap."""

    def stop(self) -> None:
        """End it and take back all marks; may be called twice. Nothing waits for it afterwards."""
