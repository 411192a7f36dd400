"""The versions that this process has read and recorded, so that reading them again is only counted.

Contract: an entry holds what its later records need and no more. A key is the path as it was opened
in the first thread of the process, (path or uri, thread or task) elsewhere; the uri is kept only
where it cannot be made from the key. Not here: when a count is written, see
`provfs.capture.recorder`.
"""

from __future__ import annotations

from provfs.calls import numbers_of
from provfs.capture.lines import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KNOWN_LIMIT = 14_000
"""Versions remembered per process; the oldest is forgotten first, recorded anew when read again.

Source: tracemalloc in `test_known_versions_stay_below_their_budget`: 0.45 KiB for each, with its
path of 60 characters and a pending count, 0.6 KiB where paths have 200 characters. With a table of
16,000, a process that had read 20,000 files ten times had 15.5 MiB more at its peak than a bare
one, half a MiB above the budget; with 14,000 it was 13.7 MiB (`benchmarks/bench_run.py`).
"""

_DIGEST_TAG = "xxh3-128:"


class Known:
    """One version that this process has read and recorded, and the reads since then.

    `state` is the packed fingerprint of a local file, text of a remote object. `racy` says that the
    file had changed so shortly before it was read that a further change could carry the same
    timestamps: such an entry is hashed again.
    """

    __slots__ = (
        "_digest",
        "_uri",
        "channel",
        "first_ns",
        "id",
        "last_ns",
        "opens",
        "racy",
        "state",
        "thread",
    )

    def __init__(
        self,
        key: Any,
        id_: int,
        uri: str,
        state: bytes | str,
        digest: str | None,
        thread: int,
        channel: str,
        *,
        racy: bool = False,
    ) -> None:
        self.id = id_
        self._uri = None if type(key) is str and uri == f"file://{key}" else uri
        self.state = state
        self._digest: int | None = None if digest is None else int(digest[9:], 16)
        self.thread = thread
        self.channel = channel
        self.racy = racy
        self.opens = 0
        self.first_ns = 0
        self.last_ns = 0

    @property
    def digest(self) -> str | None:
        """The text form of the digest; None where it is not known."""
        return None if self._digest is None else f"{_DIGEST_TAG}{self._digest:032x}"

    def uri(self, key: Any) -> str:
        """Return the uri of the entry that is kept under a key."""
        return f"file://{key}" if self._uri is None else self._uri

    def stat(self) -> tuple[int, ...] | None:
        """Return the fingerprint of a local file as numbers; None for a remote object."""
        return numbers_of(self.state) if isinstance(self.state, bytes) else None

    def count_line(self, key: Any, execution: str) -> bytes:
        """Return the line of the record that says how often the version was read again."""
        stat = self.stat()
        digest = self.digest
        parts = [
            (
                f'{{"type":"access","execution":"{execution}","id":{self.id}'
                f',"uri":{quoted(self.uri(key))},"mode":"read"'
                f',"opened_ns":{self.first_ns},"closed_ns":{self.last_ns},"opens":{self.opens}'
            )
        ]
        if stat is not None:
            parts.append(f',"size_bytes":{stat[2]},"fingerprint":"stat:%d:%d:%d:%d:%d"' % stat)
        elif self.state != digest:
            parts.append(f',"fingerprint":{quoted(self.state)}')  # type: ignore[arg-type] # text
        if digest is not None:
            parts.append(f',"digest":"{digest}"')
        parts.append(f',"thread":{self.thread},"channel":"{self.channel}"}}\n')
        return "".join(parts).encode("utf-8", "replace")
