"""Inferred edges, versions and walks equal the brute-force oracle, for every small history."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given

from tests import builders
from tests.property.history import World
from tests.property.oracle import infer, walk
from tests.property.strategies import NAMES, examples, worlds

pytest.importorskip("provfs.ingest", exc_type=ImportError)

from tests.property import log_reading


@contextmanager
def _log_of(world: World) -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="property-") as directory:
        path = log_reading.ingested(world, Path(directory) / "home")
        with duckdb.connect(str(path), read_only=True) as connection:
            yield connection


def _moved_in_turn() -> World:
    """What one program wrote, another one moves, and then the first moves it again."""
    world = World()
    writer, other = world.start(), world.start()
    world.write(writer, NAMES[0], "unique 1")
    world.move(other, NAMES[0], NAMES[1])
    world.move(writer, NAMES[1], NAMES[3])
    return world


@examples(40)
@given(worlds())
@example(_moved_in_turn())
def test_inference_equals_brute_force_oracle(world: World) -> None:
    """The edges of any history, with rule and confidence, are those of the table, no more, no
    fewer.
    """
    with _log_of(world) as connection:
        edges = log_reading.read_edges(connection)

    assert edges == infer(world)


@examples(40)
@given(worlds())
@example(_moved_in_turn())
def test_versions_equal_history(world: World) -> None:
    """Every state that somebody touched is one version where it lies in the end, and no other is.

    A written version is as old as its last close, one moved by another program as its move, one
    only seen as its inode change. Left open: when a version begins that its own program moved, and
    whether one that another program moved names who wrote the bytes.
    """
    expected = {
        version.key: (
            version.origin,
            builders.digest_of(version.content) if version.digest_known else None,
            len(version.content),
            version.write.pid if version.write else None,
            True,
        )
        for version in world.versions
        if version.moved_from is None
    }
    created = {
        version.key: builders.wall_ns(version.created_ns) // 1000
        for version in world.versions
        if not version.carried
    }

    with _log_of(world) as connection:
        keys = log_reading.read_versions(connection)
        rows = connection.execute(
            "SELECT v.version_id, v.origin, v.digest, v.size_bytes, e.pid, v.complete"
            " FROM versions v LEFT JOIN executions e ON e.execution_id = v.execution_id"
        ).fetchall()
        ages = connection.execute(
            "SELECT version_id, epoch_us(created_at) FROM versions"
        ).fetchall()
        artifacts = connection.execute("SELECT uri, versions FROM artifacts").fetchall()

    found = {keys[version_id]: tuple(rest) for version_id, *rest in rows}
    every = {version.key for version in world.versions}
    assert found.keys() == every
    assert len(rows) == len(every)
    assert {key: found[key] for key in expected} == expected
    assert {keys[number]: at for number, at in ages if keys[number] in created} == created
    assert dict(artifacts) == {
        builders.uri(name): sum(key.name == name for key in every)
        for name in {key.name for key in every}
    }


@examples(40)
@given(worlds())
def test_walks_equal_brute_force_walks(world: World) -> None:
    """A walk from an artifact of one version finds every version, its best confidence and its
    depth; what is stale is what the pairs of edges say.
    """
    edges = infer(world)
    keys = {version.key for version in world.versions}
    starts = {key for key in keys if sum(other.name == key.name for other in keys) == 1}

    with _log_of(world) as connection:
        assert log_reading.read_stale(connection) == log_reading.stale_by_pairs(connection)
        for start in sorted(starts):
            for macro in ("upstream", "downstream"):
                reached = log_reading.read_walk(connection, macro, start.name)
                expected = walk(edges, start, upstream=macro == "upstream")
                assert reached == expected, f"{macro} of {start.name}"
