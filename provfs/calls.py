"""The system calls that following one file costs, each one call from Python.

Contract: compiled where a compiler and Python's headers were there at installation, else in Python
with the same results, only slower; what was compiled and does not answer as it should is left
alone. A state is the fingerprint of a regular local file that has a name, packed into 40 bytes
(device, inode, size_bytes, mtime_ns, ctime_ns), so that two can be compared at once; where a time
does not fit, it is the fingerprint as text. Nothing is kept between calls, and each may be made
from any thread. Source: `benchmarks/bench_wrapper.py` and
`docs/decisions/0011-the-cost-of-an-open.md`.
Not here: what is done with a state, see `provfs.capture.plain`.
"""

from __future__ import annotations

import os
import time
from _struct import Struct, error  # type: ignore[attr-defined] # `struct` re-exports both at a price

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FORMAT = 0o170000
_REGULAR = 0o100000
_packed = Struct("qQqqq")


def pack_state(
    device: int, inode: int, size_bytes: int, mtime_ns: int, ctime_ns: int
) -> bytes | str:
    """Return a local fingerprint as a state: 80 bytes, where the tuple with its numbers takes 220.

    Times beyond the year 2262 do not fit; such a fingerprint is kept as text.
    """
    try:
        return _packed.pack(device, inode, size_bytes, mtime_ns, ctime_ns)
    except error:
        return f"stat:{device}:{inode}:{size_bytes}:{mtime_ns}:{ctime_ns}"


def numbers_of(state: bytes | str) -> tuple[int, ...]:
    """Return (device, inode, size_bytes, mtime_ns, ctime_ns) of a state."""
    if isinstance(state, bytes):
        return _packed.unpack(state)
    return tuple(map(int, state.split(":")[1:]))


def state_of(descriptor: int, /) -> bytes | str | None:
    """Return the state of an open file; None where it is no regular file or has no name any more.

    Raises:
        OSError: The descriptor is closed.
    """
    stat = os.fstat(descriptor)
    if (stat.st_mode & _FORMAT) != _REGULAR or not stat.st_nlink:
        return None
    return pack_state(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def look_again(descriptor: int, state: bytes | str, elapsed_ns: int, tick_ns: int, /) -> int:
    """Compare an open file with the state that it had when it was opened, `elapsed_ns` ago.

    Returns:
        2 where it has another state now, or none; else 1 where it had changed less than `tick_ns`
        before it was opened, so that a further change could have left the same timestamps; else 0.

    Raises:
        OSError: The descriptor is closed.
    """
    if state_of(descriptor) != state:
        return 2
    opened_ns = time.time_ns() - elapsed_ns
    return int(opened_ns - tick_ns < max(numbers_of(state)[3:]))


def open_direct(path: str, flags: int, /) -> tuple[int, bytes | str | None, int] | None:
    """Open a file if its path is its real path; return (descriptor, state, size_bytes).

    None says that nothing was opened and the ordinary way has to be taken: there is a symbolic link
    in the path, it is relative or not spelt as the kernel would, it is not ASCII, the file cannot
    be opened or is a directory, or the kernel cannot tell. In Python that is always so.
    Source: openat2(2), RESOLVE_NO_SYMLINKS.
    """
    del path, flags
    return None


def append(descriptor: int, process: int, device: int, inode: int, data: bytes, /) -> int:
    """Write to a descriptor if this is that process and the descriptor is still that file.

    Returns:
        How many bytes were written; -1 where nothing was.
    """
    try:
        if os.getpid() != process:
            return -1
        stat = os.fstat(descriptor)
        if (stat.st_dev, stat.st_ino) != (device, inode):
            return -1
        return os.write(descriptor, data)
    except OSError:
        return -1


def access_line(
    execution: str,
    id_: int,
    uri: str,
    mode: str,
    opened_ns: int,
    closed_ns: int,
    bytes_: int,
    state: bytes | str,
    digest: str,
    thread: int,
    channel: str,
    /,
) -> bytes:
    """Return the line of the `access` record of a whole content; `uri` is JSON text."""
    numbers = numbers_of(state)
    text = (
        f'{{"type":"access","execution":"{execution}","id":{id_},"uri":{uri}'
        f',"mode":"{mode}","opened_ns":{opened_ns},"closed_ns":{closed_ns}'
        f',"bytes":{bytes_},"size_bytes":{numbers[2]}'
        f',"fingerprint":"stat:{":".join(map(str, numbers))}","digest":"{digest}"'
        f',"thread":{thread},"channel":"{channel}"}}\n'
    )
    return text.encode("utf-8", "replace")


IN_PYTHON = {
    "access_line": access_line,
    "append": append,
    "look_again": look_again,
    "open_direct": open_direct,
    "state_of": state_of,
}
"""What runs where nothing was compiled."""


def answers_alike(of_each: Mapping[str, Any]) -> bool:
    """Say whether functions of these names answer as those in Python where that costs nothing.

    A module that was compiled for another Python, or from other sources, can be loaded and fail at
    each call, so that nothing at all would be recorded.
    """
    state = pack_state(1, 2, 3, 4, 5)
    sample = ("1-2-3", 4, '"u"', "read", 5, 6, 7, state, "d", 8, "c")
    closed: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("state_of", (-1,)),
        ("look_again", (-1, state, 0, 0)),
    )
    try:
        for name, arguments in closed:
            try:
                of_each[name](*arguments)
            except OSError:
                continue
            return False
        return (
            of_each["access_line"](*sample) == access_line(*sample)
            and of_each["append"](-1, 0, 0, 0, b"") == -1
            and of_each["open_direct"]("", 0) is None
        )
    except Exception:  # noqa: BLE001 - whatever is wrong with them, there is another way
        return False


def _is_absent(error: ImportError) -> bool:
    """Say whether nothing was compiled, rather than something that cannot be loaded."""
    return "cannot import name" in str(error) or isinstance(error, ModuleNotFoundError)


try:
    from provfs import _calls

    COMPILED = answers_alike(vars(_calls))
    BROKEN = not COMPILED
except Exception as reason:  # noqa: BLE001 - likewise
    COMPILED = False
    BROKEN = not (isinstance(reason, ImportError) and _is_absent(reason))
if COMPILED:
    from provfs._calls import (
        access_line,
        append,
        look_again,
        open_direct,
        state_of,
    )
