"""Roots watched through fanotify, with programs that know nothing of it.

Contract: the process of the test is the agent, whose own work makes no events; everything that is
to be seen is done by other programs. A broken gate would hang whoever opens a file below the root,
so that openers run with a time limit and the gate is killed at the end whatever happened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("fanotify is Linux's", allow_module_level=True)

from provfs_agent.backends.kernel import fanotify
from provfs_agent.backends.kernel.backend import KernelBackend
from provfs_agent.events import WatchSettings

PROGRAM_S = 30
MEMORY = "/dev/shm"  # noqa: S108 - a filesystem of another kind, in a directory of its own


@pytest.fixture(scope="session")
def _privileged():
    try:
        os.close(fanotify.open_gate())
    except (OSError, AttributeError) as error:
        pytest.skip(f"needs CAP_SYS_ADMIN and fanotify permission events: {error}")


@pytest.fixture(params=["disk", "tmpfs"])
def root(request, tmp_path) -> Path:
    """Return an empty directory: on the filesystem of the machine, then on tmpfs."""
    if request.param == "disk":
        path = (tmp_path / "root").resolve()
        path.mkdir()
        yield path
        return
    if not os.path.ismount(MEMORY) or not os.access(MEMORY, os.W_OK):
        pytest.skip(f"no tmpfs at {MEMORY}")
    path = Path(tempfile.mkdtemp(prefix="provfs-test-", dir=MEMORY))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Watched:
    """A root that is watched, as the tests use it."""

    def __init__(self, root, **how):
        self.root = root
        settings = {name: how.pop(name) for name in list(how) if name in _SETTINGS}
        self.backend = KernelBackend(str(root), WatchSettings(**settings), **how)
        self.events = []
        self._cookies = 0

    def run(self, command, *, wait_s=PROGRAM_S):
        """Run a shell command below the root, with a time limit."""
        subprocess.run(["sh", "-ec", command], cwd=self.root, check=True, timeout=wait_s)

    def seen(self, condition=None, *, timeout_s=20):
        """Return all events until now; everything that was done before has been seen then."""
        self._cookies += 1
        cookie = f"cookie-{self._cookies}"
        if condition is None:
            self.run(f": > {cookie}")
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.events += self.backend.events(0.1)
            if condition(self.events) if condition else self._has(cookie):
                return [each for each in self.events if "cookie-" not in each.path]
        pytest.fail(f"not seen in {timeout_s} s; seen at last: {self.told()[-20:]}")

    def told(self, *kinds, backend=None):
        """Return what was seen as (kind, path below the root), in order."""
        return [
            (each.kind, os.path.relpath(each.path, self.root))
            for each in self.events
            if "cookie-" not in each.path
            and (not kinds or each.kind in kinds)
            and (backend is None or each.backend == backend)
        ]

    def gate_pid(self):
        """Return the process number of the gate; None where there is none."""
        gate = self.backend._gate
        return None if gate is None else gate.process.pid

    def _has(self, cookie):
        names = {(each.backend, each.kind) for each in self.events if each.path.endswith(cookie)}
        wanted = {("ledger", "create")}
        if self.backend.status().level == "A":
            wanted.add(("gate", "close_write"))
        else:
            wanted.add(("ledger", "close_write"))
        return wanted <= names


_SETTINGS = {"whole_filesystem", "skip_names", "skip_paths", "own_processes"}


@pytest.fixture
def watch(_privileged, root):
    """Return a function that watches the root from now on, by default with a gate."""
    watched = []

    def begin(**how):
        here = Watched(root, **{"with_gate": True, **how})
        watched.append(here)
        here.backend.start()
        return here

    yield begin
    for each in watched:
        each.backend.stop()
