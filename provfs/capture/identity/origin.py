"""The main script of an execution and its digest.

Contract: reads one file, raises nothing that is not an OSError or ValueError; every answer is None
where it is not known. Not here: imported modules, see `provfs.capture.identity.code`; the commit,
see `provfs.capture.identity.git`.
"""

from __future__ import annotations

import os
import sys

_LARGEST_SCRIPT_BYTES = 16 << 20


def main_script() -> str | None:
    """Return the absolute path of what this interpreter runs; None for `-c` or a prompt."""
    candidate = getattr(sys.modules.get("__main__"), "__file__", None)
    if not candidate and sys.argv and sys.argv[0] not in {"", "-c", "-m", "-"}:
        candidate = sys.argv[0]
    if not candidate:
        return None
    path = os.path.abspath(candidate)
    return path if os.path.isfile(path) else None


def digest_of_script(path: str) -> str | None:
    """Return the text form of the digest of a script; None where it cannot be read or hashed."""
    try:
        import xxhash  # noqa: PLC0415 - costs 0.2 ms, and a process without a script needs none
    except Exception:  # noqa: BLE001 - an execution without this digest is better than none
        return None
    content = read_small(path, _LARGEST_SCRIPT_BYTES)
    return None if content is None else f"xxh3-128:{xxhash.xxh3_128_hexdigest(content)}"


def read_small(path: str, limit_bytes: int) -> bytes | None:
    """Return the content of a file, by descriptor; None where it is too large or unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        pieces: list[bytes] = []
        left = limit_bytes + 1
        while left > 0 and (piece := os.read(descriptor, min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(pieces) if left > 0 else None
