"""Journal what `provfs run` knows of the command that it started: how it began and how it ended.

Contract: the records are about the command and lie in a journal of the starter's own; a Python
command completes the first one from inside. Nothing here raises once the witness is made; what
could not be written is missing from the log and nothing else. Not here: starting and waiting, see
`provfs.cli.launch`.
"""

from __future__ import annotations

import os
import sys

from provfs.capture import execution
from provfs.capture.lines import line
from provfs.capture.secrets import remove_secrets
from provfs.journal.writer import JournalWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from collections.abc import Sequence

_INTERPRETERS = (
    "python",
    "pypy",
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "perl",
    "Rscript",
    "julia",
    "node",
    "ruby",
)

_MOMENT_NS = 100_000_000


class Witness:
    """Sees one command begin and end.

    Args:
        journal_directory: Where journals lie, as a path; must exist.
        command: As it was typed; secrets are removed here.
        pid: Its process, still unreaped.
        started_ns: When it began, on the journal's clock.
        unseen: Why the preload library is not in it; None where it is, or is not wanted.
    """

    def __init__(
        self,
        journal_directory: str,
        command: Sequence[str],
        pid: int,
        started_ns: int,
        unseen: str | None = None,
    ) -> None:
        me = execution.name_of_process()
        child = execution.name_of_process(pid)
        if me is None or child is None:
            self._name = None
            return
        self._name = child.text
        self._pid = pid
        self._started_ns = started_ns
        self._writer = JournalWriter(journal_directory, me, lambda _: execution.journal_line(me))
        cwd = os.getcwd()
        executable = _found(command[0])
        fields = {
            "program": child.text,
            "parent": os.environ.get(execution.EXECUTION_VARIABLE) or None,
            "host": execution.host(),
            "pid": pid,
            "started_ns": started_ns,
            "user_name": execution.user_of_system(),
            "command": remove_secrets(command),
            "cwd": cwd,
            "executable": executable,
            **execution.surroundings(),
            **execution.code_fields(_script(command, executable), cwd),
        }
        self._writer.append(line("execution", child.text, fields))
        if unseen is not None:
            gap = {
                "at_ns": started_ns,
                "kind": "bypass",
                "detail": f"{executable}: {unseen}",
                "channel": "preload",
            }
            self._writer.append(line("gap", child.text, gap))
        self._tell_changes(fields)
        self._moved_before = execution.bytes_so_far()

    def _tell_changes(self, fields: dict[str, object]) -> None:
        """Record whether tracked files differ from the commit, as a completion of the first record.

        Only for the beginning of the whole run; programs below have the answer from here.
        """
        if not fields["git_commit"]:
            return
        from provfs.capture.identity.changes import is_dirty  # noqa: PLC0415 - the command runs already

        script, cwd = fields["code_uri"], str(fields["cwd"])
        start = os.path.dirname(str(script).removeprefix("file://")) if script else cwd
        dirty = is_dirty(start, is_over=self._has_ended)
        if dirty is not None:
            needed = ("program", "host", "pid", "started_ns")
            record = {name: fields[name] for name in needed} | {"git_dirty": dirty}
            self._writer.append(line("execution", str(self._name), record))

    def _has_ended(self) -> bool:
        """Say whether the command has ended, and its caller has been waiting for a moment."""
        if execution.clock_ns() - self._started_ns < _MOMENT_NS:
            return False
        try:
            return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        except (AttributeError, OSError):
            return False

    def ended(self, exit_code: int, usage: resource.struct_rusage) -> None:
        """Record the end.

        Args:
            exit_code: 0 to 255, or -N where signal N ended the command.
            usage: What it and the descendants that it waited for have used.
        """
        if self._name is None:
            return
        fields = {
            "child_pid": self._pid,
            "at_ns": execution.clock_ns(),
            "child": self._name,
            "exit_code": exit_code,
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 6),
            "max_rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        }
        moved = execution.bytes_so_far()
        if moved and self._moved_before:
            fields["read_bytes"] = moved[0] - self._moved_before[0]
            fields["written_bytes"] = moved[1] - self._moved_before[1]
        self._writer.append(line("wait", self._name, fields))


def _found(name: str) -> str | None:
    """Return the absolute path of the program file that a shell would take."""
    folders = [""] if "/" in name else os.get_exec_path()
    for folder in folders:
        path = os.path.abspath(os.path.join(folder, name))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def _script(command: Sequence[str], executable: str | None) -> str | None:
    """Return the path of the script that a command runs; None where it runs none."""
    if executable is None:
        return None
    if os.path.basename(executable).startswith(_INTERPRETERS):
        script = next((word for word in command[1:] if not word.startswith("-")), None)
        inline = any(word in {"-c", "-m", "-e"} for word in command[1:3])
        return os.path.abspath(script) if script and not inline and os.path.isfile(script) else None
    with open(executable, "rb") as file:
        return executable if file.read(2) == b"#!" else None
