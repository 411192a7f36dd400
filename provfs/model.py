"""The value types that every layer shares: digests, fingerprints, uris, execution names.

Contract: everything here is immutable, does no I/O and has one text form that is the same in
journals, in the log and on the command line. Not here: how a digest is computed, see
`provfs.digest`; which uris are captured, see `provfs.scope`.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

DIGEST_ALGORITHM = "xxh3-128"
_DIGEST_HEX_LENGTH = 32


class Digest(NamedTuple):
    """Tagged hash of the whole content of one version.

    Covers exactly the stored bytes, from the first to the last: compressed files as compressed,
    text as encoded. Text form: `xxh3-128:<32 lower-case hex digits>`.
    """

    algorithm: str
    hexdigest: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hexdigest}"

    @property
    def short(self) -> str:
        """The first 12 hex digits, for people; never a key."""
        return self.hexdigest[:12]

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read the text form.

        Raises:
            ValueError: The tag is unknown, or the hex part has the wrong length or alphabet.
        """
        algorithm, _, hexdigest = text.partition(":")
        if algorithm != DIGEST_ALGORITHM:
            msg = (
                f"unknown digest algorithm {algorithm!r} in {text!r}; expected {DIGEST_ALGORITHM!r}"
            )
            raise ValueError(msg)
        if len(hexdigest) != _DIGEST_HEX_LENGTH or set(hexdigest) - set("0123456789abcdef"):
            msg = f"malformed digest {text!r}; expected {_DIGEST_HEX_LENGTH} lower-case hex digits"
            raise ValueError(msg)
        return cls(algorithm, hexdigest)


class Fingerprint(NamedTuple):
    """What tells cheaply whether the bytes of a local file may have changed.

    Text form: `stat:<device>:<inode>:<size>:<mtime_ns>:<ctime_ns>`, all decimal; times are UTC
    epoch nanoseconds as the filesystem stamps them. Remote objects have other text forms
    (`etag:<text>`), which are compared as a whole and never taken apart.
    """

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    def __str__(self) -> str:
        return f"stat:{self.device}:{self.inode}:{self.size_bytes}:{self.mtime_ns}:{self.ctime_ns}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint | None:
        """Read the text form; None where the text is not that of a local file."""
        kind, _, rest = text.partition(":")
        if kind != "stat":
            return None
        return cls(*map(int, rest.split(":")))


class ExecutionName(NamedTuple):
    """What names one operating-system process for ever, on all hosts.

    `boot` is the first 12 hex digits of the kernel's random boot id, `start` the process's start
    time in clock ticks since boot (nanoseconds since the epoch where the system has no such field).
    Text form: `<boot>-<pid>-<start>`.
    """

    boot: str
    pid: int
    start: int

    def __str__(self) -> str:
        return f"{self.boot}-{self.pid}-{self.start}"

    @classmethod
    def parse(cls, text: str) -> ExecutionName:
        """Read the text form.

        Raises:
            ValueError: The text has not three parts, or the numbers are none.
        """
        boot, pid, start = text.split("-")
        return cls(boot, int(pid), int(start))


def uri_of_path(path: str) -> str:
    """Return the canonical uri of an absolute local path.

    The path stands in the uri as people read it; only `%`, control characters and bytes that are
    not UTF-8 are percent-encoded, so that every name has exactly one uri and every uri is valid
    UTF-8.

    Args:
        path: Absolute path, decoded with the filesystem encoding (surrogate escapes allowed).
    """
    if path.isascii() and "%" not in path and path.isprintable():
        return "file://" + path
    encoded: list[str] = []
    for char in path:
        if char == "%" or not char.isprintable() or "\udc80" <= char <= "\udcff":
            raw = char.encode("utf-8", "surrogateescape")
            encoded.extend(f"%{byte:02X}" for byte in raw)
        else:
            encoded.append(char)
    return "file://" + "".join(encoded)


def path_of_uri(uri: str) -> str | None:
    """Return the local path of a `file://` uri; None for every other scheme."""
    if not uri.startswith("file://"):
        return None
    rest = uri.removeprefix("file://")
    if "%" not in rest:
        return rest
    return unquote_to_bytes(rest).decode("utf-8", "surrogateescape")
