"""Tell the journal with what a process runs: project modules, installed packages, local changes.

Contract: runs when the first output is opened, and again at the end for what was imported since; a
process that touched nothing is not described. Fork children tell what they imported themselves.
Where `provfs run` started the program, local changes were looked for there, while it started.
Not here: the `execution` record itself, see `provfs.capture.execution`.
"""

from __future__ import annotations

import os
import sys
import time

from provfs.capture.execution import clock_ns, code_directory, file_uri, host
from provfs.capture.identity import packages
from provfs.capture.identity.code import modules_since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture.execution import Identity
    from provfs.capture.recorder import Recorder

_LONGEST_GIT_S = 0.05
"""In the program itself local changes are looked for no longer than this."""


class Description:
    """What was told of one process so far.

    Args:
        recorder: Takes the records.
        home: Where it is remembered which sets of packages were told in full.
        older_modules: How many modules a fork child has from its parent; 0 in a new process.
    """

    def __init__(self, recorder: Recorder, home: str, older_modules: int) -> None:
        self._recorder = recorder
        self._home = home
        self._told: set[str] = set()
        self._older_modules = older_modules
        self._has_begun = False

    def tell(self) -> None:
        """Record what is new; may raise, callers are guarded."""
        recorder = self._recorder
        me = recorder.begin()
        if not self._has_begun and not self._older_modules:
            self._tell_environment(me)
        self._has_begun = True
        now = clock_ns()
        started_ns = me.started_ns + (time.time_ns() - now)
        main = os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or os.sep)
        self._told.add(main)
        for path, digest in modules_since(self._told, self._older_modules, started_ns):
            uri = file_uri(os.path.realpath(path))
            if digest is None:
                recorder.gap("code-changed", f"{uri} changed after the process had started", "open")
            else:
                recorder.emit("code", {"uri": uri, "digest": digest, "at_ns": now})

    def _tell_environment(self, me: Identity) -> None:
        names = packages.installed()
        digest = packages.digest_of(names) if names else None
        started_by_us = me.parent is not None or me.exec_of_itself
        dirty = None if started_by_us else self._dirty()
        if digest is not None or dirty is not None:
            fields = {
                "program": me.program,
                "host": host(),
                "pid": me.pid,
                "started_ns": me.started_ns,
                "packages": digest,
                "git_dirty": dirty,
            }
            self._recorder.emit("execution", fields)
        if digest is not None and self._is_first(digest):
            fields = {"digest": digest, "names": names, "at_ns": clock_ns()}
            self._recorder.emit("packages", fields)

    def _dirty(self) -> bool | None:
        from provfs.capture.identity.changes import is_dirty  # noqa: PLC0415 - seldom needed

        start = code_directory()
        return is_dirty(start, _LONGEST_GIT_S) if start else None

    def _is_first(self, digest: str) -> bool:
        """Say whether no process with this home has told this set, and remember that one has."""
        directory = f"{self._home}/packages"
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            path = f"{directory}/{digest.rpartition(':')[2]}"
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except OSError:
            return True
        return True
