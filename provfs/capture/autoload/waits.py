"""Record that child processes were waited for: replacements of `os.wait*` and `os.system`.

Contract: same arguments, results and errors as the originals; not descriptors, pickled by
reference. The resources of a child come with the same system call; the bytes that it moved are
what the kernel adds to ours when the child is reaped, to which other threads can add some.
`os.system` hides the process id of its shell: its `wait` record has `child_pid` 0, which stands for
every child that was started after the call began and has ended by then. Not here: how a wait
becomes an edge, see
`provfs.inference`.
"""

from __future__ import annotations

import errno
import os
import sys

from provfs.capture.execution import bytes_so_far, clock_ns, name_of_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from provfs.capture.recorder import Recorder

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_NAMES_LIMIT = 1_000
_REFUSALS = frozenset({errno.ECHILD, errno.EINVAL, errno.EPERM, errno.ENOSYS})
"""What the kernel or a sandbox says to a wait that it does not do; it does not fail otherwise."""


class _Replacement:
    """A function of `os` with a look at what it returns."""

    def __init__(self, waits: Waits, name: str, call: Callable[..., Any]) -> None:
        original = getattr(os, name)
        self._waits = waits
        self._call = call
        self.original = original
        self.__name__ = self.__qualname__ = name
        self.__module__ = "os"
        self.__doc__ = original.__doc__
        self.__text_signature__ = original.__text_signature__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return f"<built-in function {self.__name__}>"


class Waits:
    """The waits of one process.

    Args:
        recorder: Told about children that have ended.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._names: dict[int, str] = {}
        self._wait4 = getattr(os, "wait4", None)
        self._waitpid = getattr(os, "waitpid", None)
        self._waitid = getattr(os, "waitid", None)
        self._system = os.system

    def install(self) -> None:
        """Put the replacements into `os`."""
        replaced: dict[str, Callable[..., Any]] = {"system": self.system}
        if self._wait4 is not None:
            replaced |= {
                "waitpid": self.waitpid,
                "wait": self.wait,
                "wait3": self.wait3,
                "wait4": self.wait4,
            }
        if self._waitid is not None:
            replaced["waitid"] = self.waitid
        for name, call in replaced.items():
            setattr(os, name, _Replacement(self, name, call))

    def wait4(self, pid: int, options: int) -> Any:
        """Wait for a child, as `os.wait4`."""
        return self._waited(self._wait4, pid, options)

    def _waited(self, wait: Any, pid: int, options: int) -> Any:
        self._learn_name(pid, options)
        before = self._before_reaping(pid, options)
        result = wait(pid, options)
        ended, status, *used = result
        self._ended(ended, status, used[0] if used else None, before)
        return result

    def waitpid(self, pid: int, options: int, /) -> Any:
        """Wait for a child, as `os.waitpid`."""
        if not self._can_tell_resources():
            return self._waited(self._waitpid, pid, options)
        return self._waited(self._wait4, pid, options)[:2]

    def _can_tell_resources(self) -> bool:
        """Say whether `os.wait4` works: it takes a module, which can be out of reach by now."""
        if "resource" not in sys.modules:
            try:
                import resource  # noqa: F401, PLC0415 - not before the first wait
            except Exception:  # noqa: BLE001 - after chroot or setuid, or without a free descriptor
                return False
        return True

    def wait3(self, options: int) -> Any:
        """Wait for any child, as `os.wait3`."""
        return self.wait4(-1, options)

    def wait(self) -> Any:
        """Wait for any child, as `os.wait`."""
        return self.waitpid(-1, 0)

    def waitid(self, idtype: int, id: int, options: int, /) -> Any:  # noqa: A002 - the name in os
        """Wait for a child, as `os.waitid`."""
        if idtype == os.P_PID:
            self._learn_name(id, options)
        result = self._waitid(idtype, id, options)  # type: ignore[misc] # installed only where it exists
        if result is not None and not options & os.WNOWAIT and result.si_pid:
            exited = result.si_code == os.CLD_EXITED
            if exited or result.si_code in {os.CLD_KILLED, os.CLD_DUMPED}:
                code = result.si_status if exited else -result.si_status
                self._recorder.wait(result.si_pid, self._names.pop(result.si_pid, None), code)
        return result

    def system(self, command: Any) -> int:
        """Run a command in a shell, as `os.system`."""
        began_ns = clock_ns()
        status = self._system(command)
        try:
            code = os.waitstatus_to_exitcode(status) if status >= 0 else None
            self._recorder.wait(0, None, code, began_ns=began_ns)
        except ValueError as error:
            self._recorder.trouble(error)
        return status

    def _learn_name(self, pid: int, options: int) -> None:
        """Note the start time of a child while it can still be read."""
        try:
            if pid > 0 and (pid not in self._names or not options & os.WNOHANG):
                if len(self._names) >= _NAMES_LIMIT:
                    self._names.clear()
                if found := name_of_process(pid):
                    self._names[pid] = found.text
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            self._recorder.trouble(error)

    def _before_reaping(self, pid: int, options: int) -> tuple[int, tuple[int, int]] | None:
        """Wait until a child has ended, without reaping it; return it and our bytes so far.

        None where that cannot be asked without changing what the wait does.
        """
        if self._waitid is None or type(pid) is not int or type(options) is not int:
            return None
        if options & ~os.WNOHANG or (pid < 1 and pid != -1):
            return None
        kind, number = (os.P_PID, pid) if pid > 0 else (os.P_ALL, 0)
        try:
            found = self._waitid(kind, number, os.WEXITED | os.WNOWAIT | options)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno not in _REFUSALS:
                raise  # a signal handler of the job has raised it: a `TimeoutError` is one, too
            return None  # the wait itself will say so
        if found is None or not found.si_pid:
            return None
        if pid < 0:
            self._learn_name(found.si_pid, 0)
        so_far = bytes_so_far()
        return (found.si_pid, so_far) if so_far else None

    def _ended(
        self, pid: int, status: int, usage: Any, before: tuple[int, tuple[int, int]] | None
    ) -> None:
        try:
            if pid and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
                moved: tuple[int | None, int | None] = (None, None)
                if before is not None and before[0] == pid and (after := bytes_so_far()):
                    moved = after[0] - before[1][0], after[1] - before[1][1]
                cpu_s = max_rss_bytes = None
                if usage is not None:
                    cpu_s = round(usage.ru_utime + usage.ru_stime, 6)
                    max_rss_bytes = usage.ru_maxrss * _RSS_UNIT
                code = os.waitstatus_to_exitcode(status)
                name = self._names.pop(pid, None)
                self._recorder.wait(pid, name, code, cpu_s, max_rss_bytes, moved)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            self._recorder.trouble(error)
