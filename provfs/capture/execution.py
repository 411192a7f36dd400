"""Who this process is: its name, clock, parent and program, its `execution` record and its end.

Contract: nothing is imported here that a bare interpreter has not already loaded, and nothing is
read before it is asked for. `identify` names the process as it is now; after a fork the child asks
again, with what it inherited. The environment hands the name of the nearest captured execution and
its program to children.
Not here: script, commit, job and place, see `provfs.capture.identity`; when a record is written,
see `provfs.capture.recorder`.
"""

from __future__ import annotations

import os
import sys
import time

from provfs.capture.lines import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

EXECUTION_VARIABLE = "PROVFS_EXECUTION"
PROGRAM_VARIABLE = "PROVFS_PROGRAM"
NATIVE_VARIABLE = "PROVFS_PRELOAD_PARENT"
"""`<name>:<parent>` of the process that the preload library named before Python began."""
USER_VARIABLE = "PROVFS_PRELOAD_USER"
"""`<uid>:<name>` of the user that `provfs run` acted for."""
CONTEXT_VARIABLE = "PROVFS_CONTEXT"
"""The cell or task of the parent that started the process; absent where none is known."""

FORMAT = 1
"""Format of the journal, as `provfs.journal.record.FORMAT`; a test holds them equal."""

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)
CLOCK = "realtime" if _BOOTTIME is None else "boottime"
_WORKER_MARKS = (
    "--multiprocessing-fork",
    "from multiprocessing.forkserver",
    "from multiprocessing.resource_tracker",
    "from multiprocessing.spawn",
    "loky",
)
_FORMAT, _PIPE = 0o170000, 0o010000
_GENERATIONS = 64
"""How far up a parent is looked for; deeper trees of uncaptured processes count as unrelated."""

if _BOOTTIME is None:
    clock_ns = time.time_ns
else:

    def clock_ns() -> int:
        """Return now on the journal's clock, in nanoseconds."""
        return time.clock_gettime_ns(_BOOTTIME)  # type: ignore[arg-type] # not None here


class Identity:
    """One process: its name in parts and as text, when it began, its parent and its program.

    `exec_of_itself` is True where an earlier program image of the same process was captured
    already. `entry` is (pid, started_ns) of the parent's own child where uncaptured processes stand
    between the parent and this one.
    """

    __slots__ = (
        "boot",
        "entry",
        "exec_of_itself",
        "parent",
        "pid",
        "program",
        "start",
        "started_ns",
        "text",
    )

    def __init__(self, boot: str, pid: int, start: int) -> None:
        self.boot = boot
        self.pid = pid
        self.start = start
        self.text = f"{boot}-{pid}-{start}"
        self.started_ns = 0
        self.parent: str | None = None
        self.program = self.text
        self.exec_of_itself = False
        self.entry: tuple[int, int] | None = None


def name_of_process(pid: int | None = None) -> Identity | None:
    """Return the identity of a living process of this host, by name only; None where it is gone."""
    try:
        boot = _read("/proc/sys/kernel/random/boot_id").replace("-", "")[:12]
        stat = _read(f"/proc/{'self' if pid is None else pid}/stat")
        return Identity(
            boot, os.getpid() if pid is None else pid, int(stat.rpartition(")")[2].split()[19])
        )
    except (OSError, ValueError, IndexError):
        return None


def identify(
    environment: MutableMapping[str, str] | None = None,
    forked_from: Identity | None = None,
    forked_ns: int = 0,
) -> Identity:
    """Name this process and hand the name on to its children through the environment.

    Args:
        environment: Where parent and program are found and written; `os.environ` if None.
        forked_from: The identity before the fork, in a fork child; None in a new process.
        forked_ns: The journal's clock right after the fork.
    """
    environment = os.environ if environment is None else environment
    now = clock_ns()
    me = name_of_process() or Identity(_boot_of_host(), os.getpid(), time.time_ns())
    if forked_from is not None:
        me.parent, me.program, me.started_ns = (
            forked_from.text,
            forked_from.program,
            forked_ns or now,
        )
    else:
        parent = environment.get(EXECUTION_VARIABLE) or None
        program = environment.get(PROGRAM_VARIABLE) or None
        me.exec_of_itself = parent == me.text
        me.parent = _parent_of_named(me.text, environment) if me.exec_of_itself else parent
        if program and (me.exec_of_itself or is_worker(sys.orig_argv)):
            me.program = program
        me.started_ns = _started_ns(me.start, now)
        if me.parent is not None:
            me.entry = _entry(me.parent, now)
    environment[EXECUTION_VARIABLE] = me.text
    environment[PROGRAM_VARIABLE] = me.program
    return me


def is_worker(command: Iterable[str]) -> bool:
    """Say whether a command starts a worker of its parent's program (multiprocessing, loky)."""
    arguments = list(command)[:12]
    return any(mark in argument for argument in arguments[1:] for mark in _WORKER_MARKS)


def journal_line(me: Identity) -> bytes:
    """Return the `journal` record, the first line of every journal."""
    now = clock_ns()
    fields = {
        "format": FORMAT,
        "provfs": _version(),
        "host": host(),
        "boot": me.boot,
        "clock": CLOCK,
        "at_ns": now,
        "offset_ns": 0 if _BOOTTIME is None else time.time_ns() - now,
    }
    return line("journal", me.text, fields)


def execution_line(me: Identity) -> bytes:
    """Return the `execution` record of this process, with everything known at this moment."""
    from provfs.capture.identity import origin  # noqa: PLC0415 - needed once per process
    from provfs.capture.secrets import remove_secrets  # noqa: PLC0415 - needed once per process

    cwd = _working_directory()
    script = origin.main_script()
    fields = {
        "program": me.program,
        "parent": me.parent,
        "host": host(),
        "pid": me.pid,
        "started_ns": me.started_ns,
        "entry_pid": me.entry[0] if me.entry else None,
        "entry_started_ns": me.entry[1] if me.entry else None,
        "user_name": user_name(),
        "command": remove_secrets(sys.orig_argv),
        "cwd": cwd,
        "executable": sys.executable or None,
        "input_pipe": pipe_of(0),
        "output_pipe": pipe_of(1),
        **surroundings(),
        **code_fields(script, cwd),
    }
    return line("execution", me.text, fields)


def pipe_of(descriptor: int) -> str | None:
    """Return `pipe:[<inode>]` where a standard stream is a pipe, else None."""
    try:
        stat = os.fstat(descriptor)
    except OSError:
        return None
    return f"pipe:[{stat.st_ino}]" if stat.st_mode & _FORMAT == _PIPE else None


def surroundings() -> dict[str, object]:
    """Return the fields about where and for whom this process runs, from its environment."""
    from provfs.capture.identity import jobs, place  # noqa: PLC0415 - needed once per process
    from provfs.capture.secrets import remove_secrets  # noqa: PLC0415 - likewise

    system, key, rank = jobs.job(os.environ)
    return {
        "job_system": system,
        "job_key": key and remove_secrets((key,))[0],
        "rank": rank,
        "context": os.environ.get(CONTEXT_VARIABLE) or jobs.task(os.environ),
        "login_user": place.login_user(os.environ),
        "container": place.container(),
        "environment": remove_secrets(jobs.chosen(os.environ)),
    }


def code_fields(script: str | None, cwd: str | None) -> dict[str, str | None]:
    """Return the fields about code: script, and commit around it or the working directory."""
    from provfs.capture.identity import git, origin  # noqa: PLC0415 - needed once per process

    start = os.path.dirname(script) if script else cwd
    return {
        "code_uri": file_uri(os.path.realpath(script)) if script else None,
        "code_digest": origin.digest_of_script(script) if script else None,
        "git_commit": git.git_commit(start) if start else None,
    }


def code_directory() -> str | None:
    """Return where to look for the commit: beside the main script, else where the process is."""
    from provfs.capture.identity import origin  # noqa: PLC0415 - needed once per process

    script = origin.main_script()
    return os.path.dirname(script) if script else _working_directory()


def exit_fields() -> dict[str, object]:
    """Return what this process has used so far: its own time and memory, and the bytes it moved.

    `read_bytes` and `written_bytes` are those of all system calls that move bytes, from page cache,
    pipes and sockets as well as from storage, and include the children that it has waited for.
    """
    fields: dict[str, object] = {}
    try:
        import resource  # noqa: PLC0415 - absent on some systems, needed once

        usage = resource.getrusage(resource.RUSAGE_SELF)
        fields["cpu_s"] = round(usage.ru_utime + usage.ru_stime, 6)
        fields["max_rss_bytes"] = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    except (ImportError, OSError):
        pass
    if moved := bytes_so_far():
        fields["read_bytes"], fields["written_bytes"] = moved
    return fields


def bytes_so_far() -> tuple[int, int] | None:
    """Return the bytes that this process and the children it has waited for have read and written.

    By all system calls. When a child is waited for, the kernel adds what that has used, so that the
    difference is known of any child, also of a killed one and of one of another user.
    Source: proc_pid_io(5), rchar and wchar; `wait_task_zombie` in kernel/exit.c.
    """
    try:
        read, written = _read("/proc/self/io").split("\n", 2)[:2]
        return int(read.removeprefix("rchar: ")), int(written.removeprefix("wchar: "))
    except (OSError, ValueError):
        return None


def host() -> str:
    """Return the name of this host."""
    return os.uname().nodename


def user_name() -> str | None:
    """Return the name of the user that this process acts for.

    As `provfs run` has found it, where that is the same user: whoever asks the system may have to
    wait for a directory service that does not answer.
    """
    number, _, name = os.environ.get(USER_VARIABLE, "").partition(":")
    if name and hasattr(os, "geteuid") and number == str(os.geteuid()):
        return name
    return user_of_system()


def user_of_system() -> str | None:
    """Return what the system calls the user of this process, the number where it has no name."""
    try:
        import pwd  # noqa: PLC0415 - absent on some systems, needed once

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError, OSError):
        return str(os.geteuid()) if hasattr(os, "geteuid") else None


def _parent_of_named(name: str, environment: MutableMapping[str, str]) -> str | None:
    """Return the parent of a process that was named before; None where that is not known."""
    named, _, parent = environment.get(NATIVE_VARIABLE, "").partition(":")
    return parent if named == name and parent else None


def _started_ns(start_ticks: int, now: int) -> int:
    """Return when a new process began: the later end of its clock tick, but not after now."""
    try:
        tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, ZeroDivisionError):
        return now
    return min(now, (start_ticks + 1) * tick) if CLOCK == "boottime" else now


def _entry(parent: str, now: int) -> tuple[int, int] | None:
    """Return (pid, started_ns) of the parent's own child above this process; None if that is us.

    Also None where the parent is no ancestor any more, or processes cannot be looked at.
    """
    try:
        wanted = int(parent.split("-")[1])
        pid = os.getppid()
        if pid == wanted:
            return None
        for _ in range(_GENERATIONS):
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            above = int(fields[1])
            if above == wanted:
                return pid, _started_ns(int(fields[19]), now)
            if above <= 1:
                return None
            pid = above
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    return None


def _boot_of_host() -> str:
    import zlib  # noqa: PLC0415 - only where the system has no boot id

    name = host().encode()
    return f"{zlib.crc32(name):08x}{zlib.crc32(name[::-1]) & 0xFFFF:04x}"


def _version() -> str:
    return getattr(sys.modules.get("provfs"), "__version__", None) or "0"


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def file_uri(path: str) -> str:
    """Return the uri of an absolute path, as `provfs.model.uri_of_path`."""
    if path.isascii() and "%" not in path and path.isprintable():
        return "file://" + path
    from provfs.model import uri_of_path  # noqa: PLC0415 - costs 8 ms in a bare interpreter

    return uri_of_path(path)


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        return os.read(descriptor, 4096).decode("ascii", "replace")
    finally:
        os.close(descriptor)
