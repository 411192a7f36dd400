"""Walks over long ways, and questions about names that a log does not have."""

import duckdb
import pytest

from provfs.ingest import ingest
from provfs.journal.record import Remove
from provfs.log import store
from tests import builders as b
from tests.property import log_reading
from tests.property.history import World
from tests.property.oracle import infer, walk

STEPS = 70


def _open(path):
    return duckdb.connect(str(path), read_only=True)


def _long_history() -> World:
    """Return a chain longer than a walk looks for rows one by one, with short cuts in it."""
    world = World()
    world.make("s0", "first")
    for step in range(1, STEPS + 1):
        pid = world.start()
        if step % 5 == 0:
            world.read(pid, f"s{step - 4}", thread=2)
        world.read(pid, f"s{step - 1}")
        world.write(pid, f"s{step}", f"unique {step}", thread=1 if step % 7 else 3)
    world.finish()
    return world


@pytest.mark.parametrize("macro", ["upstream", "downstream"])
def test_walk_of_a_long_chain_equals_the_oracle(tmp_path, macro):
    """All steps are found, with the best confidence and the fewest hops, however long the way."""
    world = _long_history()
    last, first = (next(v.key for v in world.versions if v.name == f"s{n}") for n in (STEPS, 0))
    start = last if macro == "upstream" else first

    with _open(log_reading.ingested(world, tmp_path / "home")) as connection:
        reached = log_reading.read_walk(connection, macro, start.name)

    assert reached == walk(infer(world), start, upstream=macro == "upstream")
    assert len(reached) == STEPS


def test_scratch_files_on_the_way_are_no_hops(put, rows, settings):
    """A chain in which every second file is scratch is as deep as its other files."""
    names = [f"s{n}.tmp" if n % 2 else f"s{n}" for n in range(81)]
    for n in range(1, 81):
        at = n * 1_000_000
        put(
            n,
            b.execution(n, at, program=1),
            b.read(n, 1, names[n - 1], at + 1, at + 2, fingerprint=b.fingerprint(n - 1, 9, n - 1)),
            b.write(
                n, 2, names[n], at + 3, at + 4, fingerprint=b.fingerprint(n, 9, n), content=f"{n}"
            ),
        )
        if n % 2 == 0:
            gone = Remove(
                execution=b.execution_name(n), id=3, uri=b.uri(names[n - 1]), at_ns=at + 5,
                channel="open",
            )  # fmt: skip
            put(n, gone)
    ingest(settings)

    found = rows("SELECT uri, depth FROM upstream('s80') ORDER BY depth")

    assert found == [(f"s{80 - 2 * hops}", hops) for hops in range(1, 41)]


@pytest.mark.parametrize(
    "question",
    ["upstream", "downstream", "history", "readers", "producers", "impact"],
)
def test_unknown_name_is_an_error_in_an_empty_log(tmp_path, question):
    """A log without rows does not answer `nothing` about what it never heard of."""
    path = tmp_path / "lineage.duckdb"
    store.create_log(path)

    with _open(path) as connection, pytest.raises(duckdb.Error, match="unknown artifact: x"):
        connection.execute(f"FROM {question}('x')").fetchall()
