"""Tell the preload library of this process which openings Python's own hooks record.

Contract: a message is a close of a number that no descriptor has; the library answers it, a system
without the library says that there is no such descriptor. `skip` makes the next opening by this
thread one that the library leaves alone, `unskip` takes that back where nothing was opened. `mute`
does so with all that this thread opens, moves and removes, until `unmute`.
Source: `enum message` in `provfs/capture/preload/preload.h`.
"""

from __future__ import annotations

import os

_close = os.close  # as it is before the job or its libraries replace it
_FIRST = -0x70F50000


def is_present() -> bool:
    """Say whether the library is in this process and captures."""
    try:
        _close(_FIRST)
    except OSError:
        return False
    return True


def skip() -> None:
    """Leave the next opening by this thread to Python's hooks."""
    _close(_FIRST - 1)


def unskip() -> None:
    """Take `skip` back: nothing was opened."""
    _close(_FIRST - 2)


def leave_waits() -> None:
    """Leave the waits for children to Python's hooks from now on."""
    _close(_FIRST - 3)


def mute() -> None:
    """Leave alone what this thread opens, moves and removes from now on; calls may be nested."""
    _close(_FIRST - 4)


def unmute() -> None:
    """Take one `mute` of this thread back."""
    _close(_FIRST - 5)


def pause() -> None:
    """Leave out everything that this process does; nothing where there is no library."""
    if is_present():
        _close(_FIRST - 6)


def resume() -> None:
    """Take `pause` back."""
    if is_present():
        _close(_FIRST - 7)
