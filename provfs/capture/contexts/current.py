"""Which thread or task touches a file, and in which context it does so.

Contract: a key is the number of a thread, or a negative number for an asyncio task, or for a thread
or task within a context, so that what is counted together always belongs to one context. A context
is known at the opening; a write belongs to the context in which it was opened only where that still
goes on at the close. No method blocks. A fork child belongs to the cell that its parent forked it
in, for as long as that cell goes on in the parent, which both see in memory that they share.
Not here: when a context begins, see `provfs.capture.contexts.cells`.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap
    from typing import Any

    Mark = mmap | bytearray

MARK_BYTES = 32

current: ContextVar[str | None] = ContextVar("provfs_context", default=None)
"""The context of this task or thread; it counts only while the context goes on."""


class Borders:
    """The contexts of one process that go on now, and the keys of what runs in them.

    Args:
        next_id: Gives numbers that nothing else in this execution has.
        mark: Memory shared with fork children, which holds the cell that goes on; None where there
            is none, and children belong to no cell.
    """

    def __init__(self, next_id: Callable[[], int], mark: Mark | None = None) -> None:
        self._next_id = next_id
        self._mark = mark
        self._forked_in: bytes | None = None
        self._running: set[str] = set()
        self._keys: dict[tuple[str, int], int] = {}
        self._contexts: dict[int, str] = {}
        self._passing: dict[str, list[int]] = {}
        self._cell: str | None = None
        self._older_threads: frozenset[int] = frozenset()

    def begin_cell(self, context: str) -> None:
        """Begin a context that has the process to itself: threads born within it belong to it."""
        self._older_threads = frozenset(sys._current_frames())  # noqa: SLF001 - also threads that `threading` does not know
        self._cell = context
        self._running.add(context)
        self._tell_children(context)

    def end_cell(self, context: str) -> None:
        """End it; its keys stay known, because what was read in it may be counted later."""
        self._tell_children("")
        self._running.discard(context)
        self._cell = None

    def in_child(self) -> Borders | None:
        """Return the borders of a fork child; None where the thread that forked was in no cell.

        Cells that begin in the parent later are none of the child's: what it reads then can be for
        any of them.
        """
        name = self._name()
        if name is None or name != self._cell or self._mark is None:
            return None
        child = Borders(self._next_id, self._mark)
        child._cell = name
        child._running.add(name)
        child._forked_in = _padded(name)
        return child

    def _tell_children(self, context: str) -> None:
        if self._mark is not None and self._forked_in is None:
            self._mark[:MARK_BYTES] = _padded(context)

    def _goes_on(self, name: str | None) -> bool:
        if name not in self._running:
            return False
        return self._forked_in is None or (
            self._mark is not None and self._mark[:MARK_BYTES] == self._forked_in
        )

    def _name(self) -> str | None:
        """Return the context of the thread or task that runs this."""
        name = current.get()
        if name is None and self._cell is not None and get_ident() not in self._older_threads:
            name = self._cell
        return name if self._goes_on(name) else None

    def begin_passing(self, context: str) -> None:
        """Begin a context of which there may be many at once and very many in the end."""
        self._passing[context] = []
        self._running.add(context)

    def end_passing(self, context: str) -> bool:
        """End it and forget its keys; return whether it had any."""
        self._running.discard(context)
        keys = self._passing.pop(context, [])
        for key in keys:
            self._contexts.pop(key, None)
        for pair in [pair for pair in self._keys if pair[0] == context]:
            self._keys.pop(pair, None)
        return bool(keys)

    def is_within(self) -> bool:
        """Say whether the thread or task that runs this is in a context."""
        return self._name() is not None

    def key(self, plain: int) -> int:
        """Return the key of a thread or task: its own number, or another one within a context."""
        name = self._name()
        if name is None:
            return plain
        key = self._keys.get((name, plain))
        if key is None:
            key = -self._next_id()
            self._contexts[key] = name
            self._keys[name, plain] = key
            if name in self._passing:
                self._passing[name].append(key)
        return key

    def context_of(self, key: object, *, writes: bool) -> str | None:
        """Return the context of what has this key; for a write only if it still goes on."""
        name = self._contexts.get(key)  # type: ignore[call-overload] # any key of a record's fields
        return None if writes and not self._goes_on(name) else name

    def is_passing(self, key: int) -> bool:
        """Say whether the key will be forgotten at the end of its context."""
        return self._contexts.get(key) in self._passing


class Threads:
    """The threads and tasks of one process.

    Args:
        next_id: Gives numbers that nothing else in this execution has.
    """

    def __init__(self, next_id: Callable[[], int]) -> None:
        self.borders: Borders | None = None
        self._made: list[Borders] = []
        self._next_id = next_id
        self._tasks: Any = None

    def key(self) -> int:
        """Return the key of the thread that runs this, or of its asyncio task (then negative)."""
        plain = get_ident()
        module: Any = sys.modules.get("_asyncio")
        if module is not None and (loop := module._get_running_loop()) is not None:  # noqa: SLF001 - asyncio's own, without its import
            task = sys.modules["asyncio"].current_task(loop)
            if task is not None:
                plain = self._number_of_task(task)
        return plain if self.borders is None else self.borders.key(plain)

    def show_borders(self) -> Borders:
        """Return the borders of this process, known from now on."""
        if self.borders is None:
            self._made.append(Borders(self._next_id, _shared_mark()))
            self.borders = self._made[0]  # where threads come here at once, the first one's
        return self.borders

    def after_fork(self) -> None:
        """Keep of the borders what holds in a fork child."""
        if self.borders is not None:
            self.borders = self.borders.in_child()
        self._made = []

    def context_of(self, key: object, *, writes: bool = False) -> str | None:
        """Return the context of what has this key, as `Borders.context_of`."""
        return None if self.borders is None else self.borders.context_of(key, writes=writes)

    def _number_of_task(self, task: object) -> int:
        if self._tasks is None:
            from weakref import WeakKeyDictionary  # noqa: PLC0415 - asyncio has loaded it already

            self._tasks = WeakKeyDictionary()
        number: int | None = self._tasks.get(task)
        if number is None:
            number = self._tasks[task] = -self._next_id()
        return number


def _padded(context: str) -> bytes:
    return context.encode("ascii", "replace")[:MARK_BYTES].ljust(MARK_BYTES, b"\0")


def _shared_mark() -> Mark | None:
    """Return memory that a fork child sees as its parent changes it; None where there is none."""
    try:
        from mmap import mmap  # noqa: PLC0415 - only where there are borders

        return mmap(-1, MARK_BYTES)
    except (ImportError, OSError):
        return None
