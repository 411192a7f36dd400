"""Where a process runs and for whom: the container, and who had logged in.

Contract: reads small files below `/proc`, once per process tree that forks; every answer is None
where it is not known, which is everywhere but on Linux.
Not here: the user that the process runs as, see `provfs.capture.execution`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSET = "4294967295"
_ID_LENGTH = 64
_HEX = frozenset("0123456789abcdef")
_MARKS = ("/containers/", "/overlay-containers/", "/sandboxes/", "/libpod-", "/docker-", "/crio-")
_LARGEST_BYTES = 1 << 18
_CLAIMS = (
    "SUDO_USER",
    "JUPYTERHUB_USER",
    "SLURM_JOB_USER",
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
)

_known: list[str | None] = []


def container() -> str | None:
    """Return the id of the container that this process runs in; None outside of one.

    From the control group where the host shows it, else from the files that a container engine
    mounts into each container. Source: cgroups(7), proc_pid_mountinfo(5); Docker, Podman,
    containerd and CRI-O as they name their directories.
    """
    if not _known:
        _known.append(container_in(_text("/proc/self/cgroup"), _text("/proc/self/mountinfo")))
    return _known[0]


def container_in(cgroup: str, mountinfo: str) -> str | None:
    """Return the container id in the text of the two files of `/proc`."""
    for row in cgroup.splitlines():
        for part in reversed(row.split("/")):
            name = part.removesuffix(".scope").rpartition("-")[2].rpartition(":")[2]
            if _is_id(name):
                return name
    for row in mountinfo.splitlines():
        fields = row.split(" ")
        if len(fields) < 5 or fields[4] not in {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}:  # noqa: PLR2004 - the mount point
            continue
        for mark in _MARKS:
            _, found, rest = fields[3].partition(mark)
            name = rest.partition("/")[0]
            if found and _is_id(name):
                return name
    return None


def login_user(environment: Mapping[str, str]) -> str | None:
    """Return the name of who logged in: the kernel's own record, else what the platform claims."""
    number = _text("/proc/self/loginuid").strip()
    if number and number != _UNSET and number.isdigit():
        try:
            import pwd  # noqa: PLC0415 - absent on some systems

            return pwd.getpwuid(int(number)).pw_name
        except (ImportError, KeyError, OverflowError):
            return number
    return next((environment[name] for name in _CLAIMS if environment.get(name)), None)


def _is_id(text: str) -> bool:
    return len(text) == _ID_LENGTH and _HEX.issuperset(text)


def _text(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return ""
    try:
        pieces = []
        left = _LARGEST_BYTES
        while left > 0 and (piece := os.read(descriptor, 1 << 15)):
            pieces.append(piece)
            left -= len(piece)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return b"".join(pieces).decode("ascii", "replace")
