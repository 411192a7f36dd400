"""The oracle itself, on histories small enough to be checked by eye."""

from __future__ import annotations

from tests.property.history import World
from tests.property.oracle import Found, infer, walk


def _edges(world: World) -> dict[str, Found]:
    """Return edges as `a1 -> x2`: names with the ordinal among the versions of that name."""
    world.finish()
    labels: dict[object, str] = {}
    for version in world.versions:
        earlier = [v for v in world.versions[: version.number] if v.name == version.name]
        labels[version.key] = f"{version.name}{len(earlier) + 1}"
    return {f"{labels[i]} -> {labels[o]}": found for (i, o), found in infer(world).items()}


def _made(*names: str) -> World:
    world = World()
    for name in names:
        world.make(name, f"unique {name}")
    return world


def test_oracle_orders_reads_and_writes_of_one_process() -> None:
    """Case 1: what is read later is no input of what was closed before."""
    world = _made("a", "b")
    pid = world.start()
    world.read(pid, "a")
    world.write(pid, "x", "unique x")
    world.read(pid, "b")
    world.write(pid, "y", "unique y")

    assert _edges(world) == {
        "a1 -> x1": ("same-process", 1.0),
        "a1 -> y1": ("same-process", 1.0),
        "b1 -> y1": ("same-process", 1.0),
    }


def test_oracle_counts_what_is_read_while_the_output_is_open() -> None:
    """Case 2: the last close of the output is what matters; another thread takes confidence."""
    world = _made("a", "b")
    pid = world.start()
    world.open_write(pid, "x", "unique x")
    world.read(pid, "a")
    world.read(pid, "b", thread=2)
    world.close()

    assert _edges(world) == {"a1 -> x1": ("same-process", 1.0), "b1 -> x1": ("same-process", 0.9)}


def test_oracle_joins_versions_of_one_artifact_but_never_one_to_itself() -> None:
    """Case 3: a change in place is an edge from the state before."""
    world = _made("a")
    pid = world.start()
    world.write(pid, "a", "unique 2", update=True)
    world.read(pid, "a")

    assert _edges(world) == {"a1 -> a2": ("same-process", 1.0)}


def test_oracle_joins_executions_of_one_program() -> None:
    """Cases 6 and 7: workers count for each other, in both directions, by time alone."""
    world = _made("a", "b")
    parent = world.start()
    worker = world.start(parent, worker=True)
    world.read(parent, "a")
    world.write(worker, "x", "unique x")
    world.read(worker, "b")
    world.write(parent, "y", "unique y")

    assert _edges(world) == {
        "a1 -> x1": ("worker", 0.9),
        "a1 -> y1": ("same-process", 1.0),
        "b1 -> y1": ("worker", 0.9),
    }


def test_oracle_needs_the_wait_for_a_child_rule() -> None:
    """Case 8: the parent's reading before the start, the child's reading before the wait."""
    world = _made("params", "d", "late")
    driver = world.start()
    world.read(driver, "params")
    train = world.start(driver)
    world.read(driver, "late")
    world.read(train, "d")
    world.write(train, "m", "unique m")
    world.write(driver, "early", "unique early")
    world.wait(train)
    world.write(driver, "report", "unique report")

    assert _edges(world) == {
        "params1 -> m1": ("parent", 0.6),
        "d1 -> m1": ("same-process", 1.0),
        "params1 -> early1": ("same-process", 1.0),
        "late1 -> early1": ("same-process", 1.0),
        "params1 -> report1": ("same-process", 1.0),
        "late1 -> report1": ("same-process", 1.0),
        "d1 -> report1": ("child", 0.6),
    }


def test_oracle_leaves_siblings_apart() -> None:
    """Case 9: two steps of a driver that reads and writes nothing have nothing in common."""
    world = _made("a", "c")
    driver = world.start()
    for source, target in (("a", "b"), ("c", "d")):
        step = world.start(driver)
        world.read(step, source)
        world.write(step, target, f"unique {target}")
        world.wait(step)

    assert _edges(world) == {"a1 -> b1": ("same-process", 1.0), "c1 -> d1": ("same-process", 1.0)}


def test_oracle_needs_every_wait_on_the_path() -> None:
    """A grandchild counts only where its parent, too, was waited for."""
    for waited in (True, False):
        world = _made("a")
        driver = world.start()
        stage = world.start(driver)
        deep = world.start(stage)
        world.read(deep, "a")
        if waited:
            world.wait(deep)
        world.wait(stage)
        world.write(driver, "x", "unique x")

        assert _edges(world) == ({"a1 -> x1": ("child", 0.6)} if waited else {})


def test_oracle_carries_a_version_that_its_own_program_moves() -> None:
    """Case 11: moved by the writer's program, a version keeps its inputs; moved by another, it
    is one.
    """
    world = _made("a")
    pid = world.start()
    worker = world.start(pid, worker=True)
    world.read(pid, "a")
    world.write(worker, "x.tmp", "unique x")
    world.move(pid, "x.tmp", "x")
    other = world.start()
    world.move(other, "x", "y")

    assert _edges(world) == {"a1 -> x1": ("worker", 0.9), "x1 -> y1": ("rename", 1.0)}


def test_oracle_knows_copies_that_were_seen_and_copies_that_were_not() -> None:
    """Case 12: a copy stands alone above the threshold; the same bytes seen later count 0.7."""
    world = _made("params")
    world.make("a", "pp")
    pid = world.start()
    world.read(pid, "params")
    world.read(pid, "a")
    world.write(pid, "b", "pp")
    world.make("c", "pp")
    world.read(pid, "c")

    assert _edges(world) == {
        "a1 -> b1": ("copy", 1.0),
        "params1 -> b1": ("same-process", 0.4),
        "a1 -> c1": ("copy", 0.7),
    }


def test_oracle_walks_along_the_best_path() -> None:
    """The confidence of a walk is the lowest on its best path, the depth that path's fewest
    hops.
    """
    world = _made("a")
    driver = world.start()
    world.read(driver, "a")
    child = world.start(driver)
    world.read(child, "a")
    world.write(child, "b", "unique b")
    world.read(child, "b")
    world.write(child, "c", "unique c")
    world.finish()
    by_name = {version.name: version.key for version in world.versions}

    up = walk(infer(world), by_name["c"], upstream=True)
    down = walk(infer(world), by_name["a"], upstream=False)

    assert up == {by_name["a"]: (1.0, 1), by_name["b"]: (1.0, 1)}
    assert down == {by_name["b"]: (1.0, 1), by_name["c"]: (1.0, 1)}
