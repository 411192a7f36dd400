"""Tell an exception that a signal handler of the job raised from one that capture ran into.

Contract: Python runs handlers between any two steps, those of capture included, so that what a
handler raises to end the job's own work can come up inside of capture; it belongs to the job. Known
by the code of the handlers that are installed. Not here: what becomes of other errors, see
`provfs.capture.recorder`.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_INNER = ("__func__", "func", "__wrapped__")
"""Where methods, partial calls and decorated functions keep the function that they stand for."""

_DEEP = 8


def raised_by_handler(error: BaseException) -> bool:
    """Say whether an exception came out of a signal handler."""
    codes = {code for handler in _handlers() for code in _codes_of(handler)}
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code in codes:
            return True
        step = step.tb_next
    return False


def _handlers() -> list[object]:
    found = (signal.getsignal(number) for number in signal.valid_signals())
    return [handler for handler in found if callable(handler)]


def _codes_of(handler: object) -> list[CodeType]:
    """Return the code of a handler and of what it wraps."""
    codes: list[CodeType] = []
    for _ in range(_DEEP):
        code = getattr(handler, "__code__", None)
        if code is not None:
            codes.append(code)
        inner = [getattr(handler, name) for name in _INNER if hasattr(handler, name)]
        if not inner and code is None:
            inner = [vars(type(handler)).get("__call__")]
        if not inner:
            break
        handler = inner[0]
    return codes
