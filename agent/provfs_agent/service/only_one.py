"""Let one agent at a time serve a home, and tell a second one who the first is.

Contract: the lock is the kernel's (flock) and goes with the process, however that ends; the file
stays. Not here: what the exit codes mean, see `docs/reference/exit-codes.md`.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from provfs.errors import ConfigError, ProvfsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

NAME = "agent.lock"
_WHO_BYTES = 65_536


class AgentRunningError(ProvfsError):
    """Another agent serves this home."""

    exit_code = 12


@contextlib.contextmanager
def only_agent(home: Path, roots: Sequence[str]) -> Iterator[None]:
    """Be the one agent of a home.

    Raises:
        AgentRunningError: There is one already.
        ConfigError: The home cannot be written.
    """
    path = home / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise ConfigError(msg, hint="choose another home with --home DIR") from error
    try:
        if fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _running(home, os.pread(descriptor, _WHO_BYTES, 0)) from error
        who = {"pid": os.getpid(), "started": time.time(), "watching": list(roots)}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(who).encode("utf-8", "replace"), 0)
        yield
    finally:
        os.close(descriptor)


def running_agent(home: Path) -> dict[str, Any] | None:
    """Return what the agent that serves a home says of itself; None where none runs."""
    try:
        descriptor = os.open(home / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if fcntl is not None:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
        return _who(os.pread(descriptor, _WHO_BYTES, 0))
    finally:
        os.close(descriptor)


def _who(content: bytes) -> dict[str, Any]:
    try:
        who = json.loads(content)
    except ValueError:
        return {}
    return who if isinstance(who, dict) else {}


def _running(home: Path, content: bytes) -> AgentRunningError:
    who = _who(content)
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(who.get("started", 0)))
    watching = ", ".join(who.get("watching", [])) or "nothing"
    return AgentRunningError(
        f"an agent serves {home} already: process {who.get('pid', '?')}, since {since}, "
        f"watching {watching}",
        hint=f"provfs-agent status --home {home}; to end it: kill {who.get('pid', 'PID')}",
    )
