"""The rules of the design's table as nested loops over a small history: slow, short, easy to check.

Contract: reads only the truth of a `World`, never its records; shares nothing with
`provfs.inference`. Not here: how a history comes about, see `tests.property.history`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.property.history import World
from tests.property.truth import Key, Read, Version, Write

RULES = ("copy", "rename", "same-process", "worker", "pipe", "peer", "parent", "child")
"""In the order that decides between equal confidences."""

SHOWN = 0.5
"""Confidence from which an edge is in the view `edges` and is walked."""

_DEMOTED = 0.4

Pair = tuple[Key, Key]


class Found(NamedTuple):
    """The rule and the confidence of an edge."""

    rule: str
    confidence: float


class Reached(NamedTuple):
    """A version at the end of a walk: lowest confidence on the best path, and its fewest hops."""

    confidence: float
    depth: int


def infer(world: World) -> dict[Pair, Found]:
    """Return every edge of a history, one per pair, by the strongest rule."""
    edges: dict[Pair, Found] = {}
    for target in world.versions:
        into = _inputs(world, target)
        for number, candidates in into.items():
            source = world.versions[number]
            best = min(candidates, key=lambda found: (-found.confidence, RULES.index(found.rule)))
            if number != target.number:
                edges[source.key, target.key] = best
    return edges


def walk(edges: Mapping[Pair, Found], start: Key, *, upstream: bool) -> dict[Key, Reached]:
    """Return every version that shown edges join to `start`, which itself is left out."""
    steps: dict[Key, list[tuple[Key, float]]] = {}
    for (source, target), found in edges.items():
        if found.confidence >= SHOWN:
            here, there = (target, source) if upstream else (source, target)
            steps.setdefault(here, []).append((there, found.confidence))
    reached: dict[Key, Reached] = {}
    for threshold in sorted({found.confidence for found in edges.values()}, reverse=True):
        frontier, seen, depth = {start}, {start}, 0
        while frontier:
            depth += 1
            frontier = {
                there
                for here in frontier
                for there, confidence in steps.get(here, ())
                if confidence >= threshold and there not in seen
            }
            seen |= frontier
            for key in frontier:
                reached.setdefault(key, Reached(threshold, depth))
    return reached


def _inputs(world: World, target: Version) -> dict[int, list[Found]]:
    """Return what each source version is to one target, by every rule that holds."""
    into: dict[int, list[Found]] = {}
    if target.moved_from is not None:
        into.setdefault(target.moved_from, []).append(Found("rename", 1.0))
    if target.write:
        for read in world.reads:
            for found in _by_processes(world, read, target.write):
                into.setdefault(read.version, []).append(found)
        copied = _copied_by(world, target, target.write)
        if copied is not None:
            into = {
                number: [Found(found.rule, _DEMOTED) for found in candidates]
                for number, candidates in into.items()
            }
            into.setdefault(copied, []).append(Found("copy", 1.0))
    elif target.origin == "observed":
        earlier = [v for v in world.versions if _same_bytes(v, target)]
        if earlier:
            first = min(earlier, key=lambda version: (version.created_ns, version.number))
            into.setdefault(first.number, []).append(Found("copy", 0.7))
    return into


def _by_processes(world: World, read: Read, write: Write) -> Iterator[Found]:
    reader, writer = world.processes[read.pid], world.processes[write.pid]
    if read.opened_ns < write.closed_ns:
        if read.pid == write.pid:
            one_thread = read.thread is not None and read.thread == write.thread
            yield Found("same-process", 1.0 if one_thread else 0.9)
        elif reader.program == writer.program:
            yield Found("worker", 0.9)
    for ancestor, own_child in _ancestors(world, writer.program):
        if reader.program == ancestor and read.opened_ns < world.processes[own_child].started_ns:
            yield Found("parent", 0.6)
    for ancestor, own_child in _ancestors(world, reader.program):
        if own_child not in world.waits:
            break
        if writer.program == ancestor and world.waits[own_child] < write.closed_ns:
            yield Found("child", 0.6)


def _ancestors(world: World, program: int) -> Iterator[tuple[int, int]]:
    """Yield (ancestor program, first execution of its child program on the path), nearest first."""
    while (parent := world.processes[program].parent) is not None:
        child, program = program, world.processes[parent].program
        yield program, child


def _copied_by(world: World, target: Version, write: Write) -> int | None:
    """Return the version whose bytes the program read last before it wrote the same bytes
    elsewhere.
    """
    program = world.processes[write.pid].program
    reads = [
        read
        for read in world.openings
        if world.processes[read.pid].program == program
        and read.opened_ns < write.closed_ns
        and _same_bytes(world.versions[read.version], target)
    ]
    return max(reads, key=lambda read: read.opened_ns).version if reads else None


def _same_bytes(source: Version, target: Version) -> bool:
    """Whether the source held the target's bytes, known to be equal, elsewhere and earlier."""
    return (
        source.digest_known
        and target.digest_known
        and source.content == target.content != ""
        and source.name != target.name
        and source.created_ns < target.created_ns
    )
