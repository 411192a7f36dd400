"""Remote filesystems of any kind that fsspec knows: lists with ETag, size and time. Level R.

Contract: directories are listed one by one, no more than so many requests a second on the average,
a long list counting as the requests that its pages are. What a listing error hides is taken to be
as it was. A uri stands for an object as `fs.unstrip_protocol` writes it.
Not here: the loop, see `provfs_agent.backends.polling`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from provfs_agent.backends.kept import KeptList
from provfs_agent.backends.polling import PollingBackend
from provfs_agent.backends.snapshots import Entry
from provfs_agent.events import BackendStatus, WatchSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PAGE = 1000
_FIRST_WAIT_S = 5.0
_STRONG = ("ETag", "etag", "VersionId", "version_id", "md5Hash", "md5", "content_md5", "crc32c")
_WEAK = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
_STATUS = BackendStatus(
    level="R",
    name="lists of a remote filesystem",
    attribution="none",
    reads_visible=False,
    holes=(
        "Between two lists only the last state of an object is seen.",
        "Reading, and who wrote, are not seen.",
        "A filesystem without ETag shows a change of equal size only by its time.",
    ),
)


class RemoteLister:
    """Lists what is below a url.

    Args:
        filesystem: Of fsspec.
        path: The root, as this filesystem writes paths.
        settings: What to leave out, and how many requests a second may be made.
    """

    def __init__(self, filesystem: Any, path: str, settings: WatchSettings) -> None:
        self.root: str = filesystem.unstrip_protocol(path)
        self._filesystem = filesystem
        self._path = path
        self._settings = settings

    def list_all(
        self, before: Mapping[str, Entry], go_on: Callable[[float], bool]
    ) -> dict[str, Entry]:
        """As `provfs_agent.backends.polling.Lister.list_all`."""
        found: dict[str, Entry] = {}
        waiting = [self._path]
        while waiting and go_on(0):
            folder = waiting.pop()
            try:
                rows = self._filesystem.ls(folder, detail=True, refresh=True)
            except Exception:
                if folder == self._path:
                    raise
                below = self._uri(folder).rstrip("/") + "/"
                found.update((uri, each) for uri, each in before.items() if uri.startswith(below))
                rows = []
            for row in rows:
                self._take(row, folder, found, waiting)
            requests = max(1, math.ceil(len(rows) / _PAGE))
            go_on(requests / self._settings.requests_per_s)
        return found

    def _take(
        self, row: dict[str, Any], folder: str, found: dict[str, Entry], waiting: list[str]
    ) -> None:
        name = row["name"]
        if name.rstrip("/") == folder.rstrip("/"):
            return
        is_directory = row.get("type") == "directory"
        uri = self._uri(name)
        if is_directory:
            if name.rstrip("/").rpartition("/")[2] in self._settings.skip_names:
                return
            waiting.append(name)
        found[uri] = Entry(is_directory, "" if is_directory else fingerprint_of(row))

    def _uri(self, name: str) -> str:
        return str(self._filesystem.unstrip_protocol(name))


def fingerprint_of(row: Mapping[str, Any]) -> str:
    """Return what tells two states of an object apart, from its row in a list."""
    for key in _STRONG:
        if value := row.get(key):
            return f"etag:{str(value).strip(chr(34))}"
    size = row.get("size")
    time = next((row[key] for key in _WEAK if row.get(key) is not None), None)
    return f"size:{size}:{time}"


def remote_backend(url: str, settings: WatchSettings) -> PollingBackend:
    """Return a back end for a url; it has not started.

    Raises:
        OSError: fsspec knows no such filesystem, or cannot use it.
    """
    import fsspec  # noqa: PLC0415 - only roots that are remote need it

    try:
        filesystem, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    except (ImportError, ValueError) as error:
        msg = f"{url} cannot be watched: {error}"
        raise OSError(msg) from error
    lister = RemoteLister(filesystem, path, settings)
    kept = KeptList(settings.keep_lists, lister.root) if settings.keep_lists else None
    return PollingBackend(lister, settings, _STATUS, "remote", _FIRST_WAIT_S, kept)
