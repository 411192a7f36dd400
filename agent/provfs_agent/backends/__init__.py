"""The ways to see what happens below a root, from the kernel's permission events down to polling.

Not here: the shape of what they say, see `provfs_agent.events`.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from provfs_agent.backends.ladder import Ladder, Level
from provfs_agent.events import Backend, BackendStatus, WatchSettings

_NETWORK: Final = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys",
    "fuse.juicefs", "fuse.mountpoint-s3", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "virtiofs",
    "wekafs",
})  # fmt: skip
_POLLING = BackendStatus(
    level="E",
    name="comparison of lists",
    attribution="none",
    reads_visible=False,
    holes=("Between two lists only the last state of a file is seen.", "Reading is not seen."),
)


def choose(root: str, settings: WatchSettings | None = None) -> Backend:
    """Return a back end that watches a root already, the best that can be had.

    Args:
        root: A directory, or a url of any filesystem that fsspec knows.
        settings: How to watch it.

    Raises:
        OSError: It cannot be watched at all, or there is no such directory.
    """
    settings = settings or WatchSettings()
    if "://" in root and not root.startswith("file://"):
        from provfs_agent.backends.remote import remote_backend  # noqa: PLC0415 - loads fsspec

        backend: Backend = remote_backend(root, settings)
    else:
        path = os.path.realpath(root.removeprefix("file://"))
        if not os.path.isdir(path):
            raise NotADirectoryError(20, "there is no such directory to watch", path)
        backend = Ladder(path, _levels(path, settings))
    backend.start()
    return backend


def _levels(path: str, settings: WatchSettings) -> list[Level]:
    def gate() -> Backend:
        from provfs_agent.backends.kernel.backend import KernelBackend  # noqa: PLC0415 - Linux only

        return KernelBackend(path, settings, with_gate=True)

    def ledger() -> Backend:
        from provfs_agent.backends.kernel.backend import KernelBackend  # noqa: PLC0415 - Linux only

        return KernelBackend(path, settings, with_gate=False)

    def inotify() -> Backend:
        from provfs_agent.backends.native import NativeBackend  # noqa: PLC0415 - Linux only

        return NativeBackend(path, settings)

    def portable() -> Backend:
        from provfs_agent.backends.portable import PortableBackend  # noqa: PLC0415 - loads watchdog

        return PortableBackend(path, settings)

    def polling() -> Backend:
        from provfs_agent.backends.polling import LocalLister, PollingBackend  # noqa: PLC0415

        return PollingBackend(LocalLister(path, settings), settings, _POLLING, "poll")

    kernel = [Level("A", gate), Level("B", ledger)]
    if sys.platform == "linux":
        native = [Level("C", inotify)]
    else:
        kernel, native = [], [Level("D", portable)]
    last = [Level("E", polling)]
    if settings.level == "auto":
        if filesystem_type(path) in _NETWORK:
            return last
        return [*kernel[settings.attribution == "fast" :], *native, *last]
    return {"gate": kernel[:1], "ledger": kernel[1:], "native": native, "poll": last}[
        settings.level
    ]


def filesystem_type(path: str) -> str:
    """Return the type of the filesystem that a path lies on; empty where that is not known.

    Source: proc_pid_mountinfo(5).
    """
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            rows = [row.split(" ") for row in file]
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for fields in reversed(rows):
        if fields[2] == wanted:
            return fields[fields.index("-") + 1]
    return ""
