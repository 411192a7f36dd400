"""Start a command under capture, stand aside while it runs, and end as it ended.

Contract: the command keeps this process group, terminal, streams and signal dispositions; nothing
is added to its output. Whatever can be refused is refused before it starts; after that nothing of
ours keeps it from running. Signals meant for it are passed on: all that a process sent, but not
those that the terminal sends to the whole group anyway. Not here: what is captured inside of
Python, see `provfs.capture.autoload`.
"""

from __future__ import annotations

import errno
import os
import sys

from provfs.capture import execution
from provfs.cli.home import prepared_home
from provfs.errors import ProvfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    import signal
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from provfs.capture import preload
    from provfs.cli.home import Prepared
    from provfs.cli.witness import Witness

    Signals = set[int | signal.Signals]
else:
    import _signal as signal  # the same without its enumerations, which cost 5 ms at each start

_SENT_BY_KERNEL = 0x80
_PYTHON_IGNORES = [
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ") if hasattr(signal, name)
]
"""Signals that the interpreter ignores at its start; the command gets the default back."""

_PASSED_ON = frozenset(
    getattr(signal, name)
    for name in (
        "SIGTERM",
        "SIGHUP",
        "SIGUSR1",
        "SIGUSR2",
        "SIGALRM",
        "SIGWINCH",
        "SIGINT",
        "SIGQUIT",
    )
    if hasattr(signal, name)
)
_NOT_SEEN = (
    "provfs: the preload library is not here, native code is not seen;"
    " PROVFS_NO_PRELOAD=1 runs without it and this line\n"
)
_NO_ROOM = "its arguments leave no room for the variables of capture"
_BARE = b"bare "
_FROM_THE_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH})


class CommandError(ProvfsError):
    """The command could not be started.

    Args:
        message: What a shell would say.
        exit_code: 127 where there is no such command, 126 where it cannot be executed.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def launch(command: list[str], home: str | None = None) -> int:
    """Run a command under capture and return its exit status.

    A command that a signal ended ends this process by the same signal.

    Raises:
        ConfigError: The home or its configuration cannot be used; nothing was started.
        CommandError: The command cannot be started.
    """
    if os.environ.get("PROVFS_DISABLED") == "1":
        try:
            _execute(command, os.environ)
        except OSError as error:
            raise _not_started(command[0], error) from error
    prepared = prepared_home(home)
    environment = _environment(prepared, name_home=home is not None)
    unseen = _preload(environment, prepared, command[0])
    watched: Signals = {*_PASSED_ON, signal.SIGCHLD}
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    children = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        pid, started_ns, is_bare = _start(command, environment, previous_mask, children)
    except ProvfsError:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
        raise
    unseen = _NO_ROOM if is_bare else unseen
    witness = _witness(f"{prepared.home}/journal", command, pid, started_ns, unseen)
    status, usage = _wait(pid, watched)
    if witness is not None:
        witness.ended(os.waitstatus_to_exitcode(status), usage)
    return _end_alike(status, previous_mask)


def _environment(prepared: Prepared, *, name_home: bool) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PROVFS_RUN"] = "1"
    environment["PROVFS_SETTINGS"] = prepared.settings
    if name_home:
        environment["PROVFS_HOME"] = prepared.home
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    autoload = os.path.join(package, "capture", "autoload")
    inherited = [
        entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry != autoload
    ]
    environment["PYTHONPATH"] = os.pathsep.join([autoload, *filter(None, inherited)])
    return environment


def _preload(environment: dict[str, str], rules: preload.Rules, name: str) -> str | None:
    """Put the preload library into the environment; return why it will not see the program.

    Where there is no library at all, that is said here, and the gap says nothing.
    """
    if environment.get("PROVFS_NO_PRELOAD") == "1":
        return None
    from provfs.capture import preload  # noqa: PLC0415 - not where it is turned off

    added = preload.environment(rules, environment)
    if not added:
        sys.stderr.write(_NOT_SEEN)
        return None
    from provfs.capture.preload.programs import blind  # noqa: PLC0415 - likewise

    reason = blind(_found_on_path(name))
    if reason is None:
        environment |= added
    return reason


def _start(
    command: list[str], environment: dict[str, str], mask: Signals, children: Any
) -> tuple[int, int, bool]:
    """Start the command.

    Returns:
        Its process id, when it began on the journal's clock, and whether it is without capture,
        because its arguments left no room for more variables in its environment.

    By fork and exec and not by `posix_spawn`, because the command's environment names the command's
    own execution as the ancestor of what it starts, and only the new process knows that name.
    """
    receiver, sender = os.pipe()
    pid = os.fork()
    started_ns = execution.clock_ns()
    if pid == 0:
        _become(command, environment, mask, children, sender)
    os.close(sender)
    with open(receiver, "rb") as pipe:
        failure = pipe.read()
    is_bare = failure.startswith(_BARE)
    failure = failure.removeprefix(_BARE)
    if failure:
        os.waitpid(pid, 0)
        number = int(failure)
        raise _not_started(command[0], OSError(number, os.strerror(number)))
    return pid, started_ns, is_bare


def _become(
    command: list[str], environment: dict[str, str], mask: Signals, children: Any, sender: int
) -> NoReturn:
    """Turn the fork child into the command; where that fails, send the error number."""
    try:
        me = execution.name_of_process()
        if me is not None:
            environment[execution.EXECUTION_VARIABLE] = me.text
            environment[execution.PROGRAM_VARIABLE] = me.text
        signal.signal(signal.SIGCHLD, children)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            _execute(command, environment)
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            os.write(sender, _BARE)
            _execute(command, os.environ)
    except OSError as error:
        os.write(sender, str(error.errno).encode())
    finally:
        os._exit(127)


def _execute(command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by the command, with default signals where Python ignores them."""
    for number in _PYTHON_IGNORES:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # A script whose first line names no interpreter: shells run it themselves.
        os.execve("/bin/sh", ["/bin/sh", _found_on_path(command[0]), *command[1:]], environment)


def _found_on_path(name: str) -> str:
    if "/" in name:
        return name
    candidates = (os.path.join(folder, name) for folder in os.get_exec_path())
    return next((path for path in candidates if os.access(path, os.X_OK)), name)


def _not_started(name: str, error: OSError) -> CommandError:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        if os.path.exists(_found_on_path(name)):
            return CommandError(f"{name}: bad interpreter: {os.strerror(errno.ENOENT)}", 126)
        what = os.strerror(error.errno) if "/" in name else "command not found"
        return CommandError(f"{name}: {what}", 127)
    if os.path.isdir(name):
        return CommandError(f"{name}: {os.strerror(errno.EISDIR)}", 126)
    return CommandError(f"{name}: {error.strerror}", 126)


def _witness(
    journal: str, command: list[str], pid: int, started_ns: int, unseen: str | None
) -> Witness | None:
    """Record that the command began, while it already runs; None where that cannot be done."""
    try:
        from provfs.cli.witness import Witness  # noqa: PLC0415 - loaded while the command starts

        return Witness(journal, command, pid, started_ns, unseen)
    except Exception:  # noqa: BLE001 - the command runs already, and goes on without a witness
        return None


def _wait(pid: int, watched: Signals) -> tuple[int, resource.struct_rusage]:
    """Pass signals on until the command has ended; return its status and what it used."""
    while True:
        number, from_process = _next_signal(watched)
        if number == signal.SIGCHLD:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                return status, usage
        elif from_process or number not in _FROM_THE_TERMINAL:
            try:
                os.kill(pid, number)
            except OSError:  # it has just ended, or may not be signalled by this user
                continue


def _next_signal(watched: Signals) -> tuple[int, bool]:
    """Return the next signal, and whether a process sent it rather than the terminal."""
    if sys.platform == "linux":
        received = signal.sigwaitinfo(watched)
        return received.si_signo, received.si_code != _SENT_BY_KERNEL
    return signal.sigwait(watched), False


def _end_alike(status: int, mask: Signals) -> int:
    """Return the exit status of the command, or end by the signal that ended it."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    number = -code
    try:
        import resource  # noqa: PLC0415 - only needed when a signal ended the command

        # The core to look at is that of the command.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        signal.signal(number, signal.SIG_DFL)
    except (ImportError, OSError, ValueError):
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, mask - {number})
    os.kill(os.getpid(), number)
    return 128 + number
