"""Which context an access belongs to: by its thread or task, while the context goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from itertools import count

from provfs.capture.contexts.current import Threads, current


def _threads() -> Threads:
    return Threads(count(1).__next__)


def _in_thread(call: object) -> list[object]:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found


def test_keys_differ_between_cells_and_stay_known():
    """What was counted in one cell is not counted for another, and keeps its cell for reads."""
    threads = _threads()
    borders = threads.show_borders()
    keys = []
    for cell in ("c1", "c2"):
        borders.begin_cell(cell)
        token = current.set(cell)
        keys.append(threads.key())
        assert threads.context_of(keys[-1], writes=True) == cell
        borders.end_cell(cell)
        current.reset(token)

    assert keys[0] != keys[1]
    assert [threads.context_of(key) for key in keys] == ["c1", "c2"]
    assert threads.context_of(keys[0], writes=True) is None
    assert threads.context_of(threads.key()) is None


def test_only_threads_born_in_a_cell_belong_to_it():
    """A thread that is older than the cell may work for anybody."""
    threads = _threads()
    borders = threads.show_borders()
    go, done, end, found = threading.Event(), threading.Event(), threading.Event(), []

    def wait_and_look() -> None:
        go.wait()
        found.append(threads.context_of(threads.key()))
        done.set()
        end.wait()  # or the system gives its number to the next thread

    old = threading.Thread(target=wait_and_look)
    old.start()
    borders.begin_cell("c1")
    go.set()
    done.wait()

    assert found == [None]
    assert _in_thread(lambda: threads.context_of(threads.key())) == ["c1"]
    borders.end_cell("c1")
    end.set()
    old.join()
    assert _in_thread(lambda: threads.context_of(threads.key())) == [None]


def test_task_of_an_ended_cell_has_no_context():
    """What an asyncio task does after its cell has ended may be for anybody."""
    threads = _threads()
    borders = threads.show_borders()

    async def look(after: asyncio.Event) -> str | None:
        await after.wait()
        return threads.context_of(threads.key())

    async def main() -> list[str | None]:
        borders.begin_cell("c1")
        current.set("c1")
        now, later = asyncio.Event(), asyncio.Event()
        early, late = asyncio.create_task(look(now)), asyncio.create_task(look(later))
        now.set()
        found = [await early]
        borders.end_cell("c1")
        borders.begin_cell("c2")
        later.set()
        return [*found, await late]

    assert asyncio.run(main()) == ["c1", None]


def test_passing_contexts_leave_nothing_behind():
    """A server of a million requests remembers none of them."""
    threads = _threads()
    borders = threads.show_borders()
    for number in range(100):
        name = f"r{number}"
        borders.begin_passing(name)
        token = current.set(name)
        key = threads.key()
        assert borders.is_passing(key)
        assert threads.context_of(key, writes=True) == name
        current.reset(token)
        borders.end_passing(name)

    assert threads.context_of(key) is None
    assert [borders._keys, borders._contexts, borders._running, borders._passing] == [
        {},
        {},
        set(),
        {},
    ]


def _in_child(threads: Threads, look: Callable[[], object]) -> object:
    """Return what a fork child sees, as text."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            threads.after_fork()
            os.write(sender, str(look()).encode())
        finally:
            os._exit(0)
    os.close(sender)
    os.waitpid(child, 0)
    with os.fdopen(receiver) as pipe:
        return pipe.read()


def test_fork_child_belongs_to_its_cell_while_that_goes_on():
    """A worker reads for the cell that forked it, and for nobody known once that has ended."""
    threads = _threads()
    borders = threads.show_borders()
    borders.begin_cell("c1")

    def before_and_after_the_end() -> tuple[object, ...]:
        own = threads.borders
        key = threads.key()
        known = threads.context_of(key, writes=True)
        borders.end_cell("c1")  # in memory that both share
        return known, threads.context_of(threads.key()), own.context_of(key, writes=True)

    token = current.set("c1")
    seen = _in_child(threads, before_and_after_the_end)
    current.reset(token)

    assert seen == "('c1', None, None)"


def test_fork_child_of_a_thread_without_cell_has_none():
    """What an older thread forks, and what is forked between cells, may work for anybody."""
    threads = _threads()
    borders = threads.show_borders()
    between = _in_child(threads, lambda: threads.context_of(threads.key()))
    borders.begin_cell("c1")

    of_older = _in_child(threads, lambda: threads.borders)

    assert (between, of_older) == ("None", "None")
