"""Random histories for Hypothesis: at most 6 executions and about 12 accesses.

Contract: any list of steps is a history; a step that cannot happen is passed over, so that
shrinking never leaves the set. Contents are few, so that copies are frequent.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.property.history import World

NAMES = ("a", "p/b", "x.tmp", "q/x", "q/y")
MOST_PROCESSES = 6
MOST_ACCESSES = 12


def examples(count: int) -> settings:
    """Return the settings of a property that ingests; `PROPERTY_EXAMPLES` multiplies the count.

    One example takes a fifth of a second, nearly all of it ingest, so that a failing example is
    made smaller only where more examples are asked for.
    """
    more = os.environ.get("PROPERTY_EXAMPLES")
    return settings(
        max_examples=count * int(more or "1"),
        phases=tuple(Phase) if more else (Phase.explicit, Phase.reuse, Phase.generate),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )


_names = st.sampled_from(NAMES)
_contents = st.sampled_from(("pp", "pp", "qq", "rrr", "", "unique"))
_threads = st.sampled_from((1, 1, 2, None))
_index = st.integers(0, 5)
_seldom = st.sampled_from((False, False, False, True))
_mostly = st.sampled_from((True, True, True, False))

_start = st.tuples(st.just("start"), _index, st.booleans(), st.booleans(), _seldom)
_make = st.tuples(st.just("make"), _names, _contents, _seldom, st.booleans())
_read = st.tuples(st.just("read"), _index, _names, _contents, _threads, _mostly, _mostly)
_write = st.tuples(st.just("write"), _index, _names, _contents, _threads, _seldom, _mostly, _mostly)
_close = st.tuples(st.just("close"), _index)
_move = st.tuples(st.just("move"), _index, _index, _names)
_wait = st.tuples(st.just("wait"), _index, st.booleans())
_fail = st.tuples(st.just("fail"), _index, _names, st.none() | _names)

_any_step = st.one_of(
    *(_read, _write, _read, _write, _read, _write), *(_start, _wait), *(_move, _make, _close, _fail)
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a finished world: something is read, a tree of executions grows, then anything."""
    world = World()
    world.start()
    steps = [
        *draw(st.lists(_read, max_size=2)),
        *draw(st.lists(_start | _read, min_size=2, max_size=5)),
        *draw(st.lists(_any_step, min_size=10, max_size=24)),
    ]
    for number, step in enumerate(steps):
        _act(world, number, step)
    world.finish()
    return world


def _act(world: World, number: int, step: tuple[Any, ...]) -> None:
    """Do one step with whoever is there; the youngest come first, so that trees grow downwards."""
    kind, *rest = step
    if kind == "close":
        world.close(rest[0])
    elif kind == "make":
        name, content, skewed, in_place = rest
        world.make(name, _unique(content, number), skewed=skewed, in_place=in_place)
    elif kind == "wait":
        children = [pid for pid in world.running if world.processes[pid].parent in world.running]
        if children:
            world.wait(_youngest(children, rest[0]), named=rest[1])
    elif world.running:
        _act_as(world, number, kind, _youngest(world.running, rest[0]), rest[1:])


def _act_as(world: World, number: int, kind: str, who: int, rest: list[Any]) -> None:
    if kind == "start":
        worker, told, alone = rest
        if len(world.processes) < MOST_PROCESSES:
            world.start(None if alone else who, worker=worker and not alone, told=told)
    elif kind == "read" and world.accesses < MOST_ACCESSES:
        name, content, thread, digest, at_once = rest
        if name not in world.names:
            world.make(name, _unique(content, number))
        if world.open_read(who, name, thread, digest=digest) and at_once:
            world.close(-1)
    elif kind == "write" and world.accesses < MOST_ACCESSES:
        name, content, thread, update, digest, at_once = rest
        opened = world.open_write(
            who, name, _unique(content, number), thread, update=update, digest=digest
        )
        if opened and at_once:
            world.close(-1)
    elif kind == "move" and world.names:
        world.move(who, world.names[rest[0] % len(world.names)], rest[1])
    elif kind == "fail":
        world.fail(who, *rest)


def _youngest(pids: list[int], index: int) -> int:
    return pids[-1 - index % len(pids)]


def _unique(content: str, number: int) -> str:
    return f"unique {number}" if content == "unique" else content
