"""Who did it: read what a process is while it lives, and describe it as an actor.

Contract: `ProcessReader.look` opens files of `/proc` only, is made for a process that is held still
by the kernel and must go on at once, and never raises. A process is known by an open descriptor of
its own `/proc` entry, which the kernel does not give to a later process of the same number; that it
runs another program now is seen by where its program and its stack begin. `describe` cleans what
was read: it removes secrets and keeps only named variables, before anything is stored.
`holders` is the way without privilege: whoever has the file open at this moment.
Not here: which event is whose, see `provfs_agent.backends`.
Source: proc(5), proc_pid_stat(5); what is still there when: docs/decisions/0015.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from provfs.capture.secrets import remove_secrets
from provfs_agent.events import Actor, FileKey, ProcessKey

if TYPE_CHECKING:
    from collections.abc import Collection

VARIABLES: Final = frozenset({
    b"PROVFS_EXECUTION", b"PROVFS_PROGRAM", b"TORCHELASTIC_RUN_ID", b"MASTER_ADDR", b"MASTER_PORT",
    b"RANK", b"SLURM_JOB_ID", b"SLURM_ARRAY_TASK_ID", b"SLURM_STEP_ID", b"SLURM_PROCID",
    b"OMPI_COMM_WORLD_RANK", b"OMPI_MCA_ess_base_jobid", b"PMIX_NAMESPACE", b"PMI_RANK",
    b"PMI_JOBID", b"PMI_KVS", b"PMI_ID",
})  # fmt: skip
"""Variables that name captured executions and jobs, as `provfs.capture.origin.job` reads them."""

_KNOWN_PROCESSES = 1024
_COMMAND_BYTES = 1 << 16
_ENVIRONMENT_BYTES = 1 << 17
_VARIABLE_BYTES = 1 << 10
_GENERATIONS = 16
_NUMBER_FREE_NS = 1_000_000_000
"""No number is given to a second process within this time: it takes 32,768 new processes."""
_NO_LOGIN = b"4294967295"
_CONTAINER = re.compile(rb"(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:/|\s|$)")
_PIPE = b"pipe:["


class ProcessFacts(msgspec.Struct, array_like=True, frozen=True):
    """What was read of one process, as the bytes that stood there; empty where not readable."""

    pid: int
    start: int
    ancestors: tuple[tuple[int, int], ...]
    command: bytes
    executable: bytes
    cwd: bytes
    user: int
    login_user: bytes
    container: bytes
    environment: tuple[bytes, ...]
    input_pipe: bytes
    output_pipe: bytes
    certain: bool


@dataclass(slots=True)
class _Known:
    descriptor: int
    program: tuple[bytes, bytes, bytes]
    number: int
    facts: ProcessFacts
    alive_ns: int


class _Stat(NamedTuple):
    """`ended` is also true of a process that is ending and has no memory any more."""

    parent: int
    start: int
    program: tuple[bytes, bytes, bytes]
    ended: bool


class ProcessReader:
    """Reads processes once each, and again when they run another program.

    Args:
        held: Whether the kernel holds every process still that is looked at.
    """

    def __init__(self, held: bool) -> None:
        self._held = held
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._count = 0

    def look(self, pid: int, held: bool | None = None) -> tuple[int, ProcessFacts | None, bool]:
        """Return (number, facts, whether they are new); number 0 where nothing is known.

        The number is that of these facts, and rises. A process that has ended unseen is taken for
        the last one of its number only for as long as the system needs to use a number again.

        Args:
            pid: As in the event; 0 is a process that this namespace does not show.
            held: Whether it is held at this moment; as the reader was made if None.
        """
        if pid <= 0:
            return 0, None, False
        known = self._known.get(pid)
        if known is not None:
            stat = _read_stat(known.descriptor)
            if stat is not None and (stat.program == known.program or stat.ended):
                known.alive_ns = time.monotonic_ns()
                return known.number, known.facts, False
        before = None if known is None else known.facts
        fresh = self._read(pid, self._held if held is None else held, before)
        if fresh is not None:
            if known is not None:
                os.close(known.descriptor)
            self._keep(pid, fresh)
            return fresh.number, fresh.facts, True
        if known is not None and time.monotonic_ns() - known.alive_ns < _NUMBER_FREE_NS:
            return known.number, known.facts, False
        return 0, None, False

    def _keep(self, pid: int, fresh: _Known) -> None:
        self._known[pid] = fresh
        self._known.move_to_end(pid)
        if len(self._known) > _KNOWN_PROCESSES:
            _, oldest = self._known.popitem(last=False)
            os.close(oldest.descriptor)

    def _read(self, pid: int, held: bool, before: ProcessFacts | None) -> _Known | None:
        """Read a process; pipes that it has closed meanwhile, as many do at their end, stay its."""
        try:
            descriptor = os.open(b"/proc/%d/task/%d/stat" % (pid, pid), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        stat = _read_stat(descriptor)
        if stat is None:
            os.close(descriptor)
            return None
        if before is not None and before.start != stat.start:
            before = None
        folder = b"/proc/%d/" % pid
        command = _content(folder + b"cmdline", _COMMAND_BYTES)
        facts = ProcessFacts(
            pid=pid,
            start=stat.start,
            ancestors=_ancestors(stat.parent),
            command=command,
            executable=_link(folder + b"exe"),
            cwd=_link(folder + b"cwd"),
            user=os.fstat(descriptor).st_uid,
            login_user=_content(folder + b"loginuid", 16),
            container=_container(_content(folder + b"cgroup", 4096)),
            environment=_variables(_content(folder + b"environ", _ENVIRONMENT_BYTES)),
            input_pipe=_pipe(folder + b"fd/0", before.input_pipe if before else b""),
            output_pipe=_pipe(folder + b"fd/1", before.output_pipe if before else b""),
            certain=bool(command) and (held or _is_alive(descriptor)),
        )
        self._count += 1
        return _Known(descriptor, stat.program, self._count, facts, time.monotonic_ns())


def describe(facts: ProcessFacts) -> Actor:
    """Return the actor of what was read, without secrets."""
    ancestors = tuple(ProcessKey(*pair) for pair in facts.ancestors)
    arguments = facts.command.removesuffix(b"\0").split(b"\0") if facts.command else ()
    return Actor(
        process=ProcessKey(facts.pid, facts.start),
        parent=ancestors[0] if ancestors else None,
        ancestors=ancestors,
        command=remove_secrets(map(os.fsdecode, arguments)),
        executable=os.fsdecode(facts.executable).removesuffix(" (deleted)") or None,
        cwd=os.fsdecode(facts.cwd) or None,
        user_name=_user_name(facts.user),
        login_user=None
        if facts.login_user in {b"", _NO_LOGIN}
        else _user_name(int(facts.login_user)),
        container=facts.container.decode("ascii") or None,
        environment=tuple(item.decode("utf-8", "replace") for item in facts.environment),
        input_pipe=facts.input_pipe.decode("ascii") or None,
        output_pipe=facts.output_pipe.decode("ascii") or None,
        certain=facts.certain,
    )


def holders(files: Collection[FileKey]) -> dict[FileKey, list[int]]:
    """Return the numbers of the processes that have files open; takes some milliseconds.

    Sees processes of the same user only, unless privileged, and none that has let go already.
    """
    found: dict[FileKey, list[int]] = {}
    wanted = set(files)
    own = os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == own:
            continue
        with suppress(OSError):
            for entry in os.scandir(f"/proc/{name}/fd"):
                with suppress(OSError):
                    status = entry.stat()
                    key = FileKey(status.st_dev, status.st_ino)
                    if key in wanted and int(name) not in found.setdefault(key, []):
                        found[key].append(int(name))
    return found


def _read_stat(descriptor: int) -> _Stat | None:
    """Return what the descriptor of a process's own stat file says; None when it is gone."""
    try:
        text = os.pread(descriptor, 1024, 0)
    except OSError:
        return None
    name, _, rest = text.rpartition(b")")
    fields = rest.split(None, 27)
    if len(fields) < 27:  # noqa: PLR2004 - fields 3 to 28, and the rest
        return None
    return _Stat(
        int(fields[1]),
        int(fields[19]),
        (name.partition(b"(")[2], fields[23], fields[25]),
        fields[0] in {b"Z", b"X"} or fields[23] == b"0",
    )


def _is_alive(descriptor: int) -> bool:
    stat = _read_stat(descriptor)
    return stat is not None and not stat.ended


def _ancestors(parent: int) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    while parent > 1 and len(found) < _GENERATIONS:
        fields = _content(b"/proc/%d/stat" % parent, 1024).rpartition(b")")[2].split(None, 20)
        if len(fields) < 20:  # noqa: PLR2004 - fields 3 to 22
            break
        found.append((parent, int(fields[19])))
        parent = int(fields[1])
    return tuple(found)


def _content(path: bytes, limit_bytes: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, limit_bytes)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _link(path: bytes) -> bytes:
    try:
        return os.readlink(path)
    except OSError:
        return b""


def _pipe(path: bytes, before: bytes) -> bytes:
    """Return the pipe that a descriptor stands for; `before` where it is closed."""
    target = _link(path) or before
    return target if target.startswith(_PIPE) else b""


def _variables(environment: bytes) -> tuple[bytes, ...]:
    return tuple(item for item in environment.split(b"\0") if item.partition(b"=")[0] in VARIABLES)


def _container(groups: bytes) -> bytes:
    found = _CONTAINER.search(groups)
    return found.group(1) if found else b""


@lru_cache(maxsize=1024)
def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
