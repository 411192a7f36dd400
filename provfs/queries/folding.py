"""Find what hangs below a version, level by level, folded in the engine and not in Python.

Contract: a group stands for one version or for many that people think of as one: the files of a
directory, of a dataset, the shards of a file. Groups come with counts, a digest and the evidence;
the ids of their versions are carried along, never looked at one by one. The inputs of many versions
are found from the few whose inputs hold those of all, so that a step costs as much as what is read
and not as the pairs. Not here: how groups become lines, see `provfs.queries.graph`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provfs.log.store import fetch
from provfs.queries import statement
from provfs.queries.graph import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

MOST_SIBLINGS = 10
"""More things than this of one kind in one directory below one line are shown as one line."""


class Direction(NamedTuple):
    """The queries of one direction."""

    step: str
    representatives: str


UPSTREAM = Direction("step_into", "last_written")
DOWNSTREAM = Direction("step_out_of", "first_read")

Below = dict[tuple[int, ...], list[Group]]


def unfold(
    connection: duckdb.DuckDBPyConnection,
    roots: Sequence[tuple[int, ...]],
    direction: Direction,
    *,
    depth: int,
    least_confidence: float,
) -> Below:
    """Return what hangs below each group that is at most `depth` steps from the given ones.

    Each group is asked once, wherever it is met. A group of the last level is there with what hangs
    below it, so that a reader knows whether something is left out.
    """
    below: Below = {}
    level: list[tuple[int, ...]] = list(roots)
    for _ in range(depth + 1):
        fresh = [key for key in dict.fromkeys(level) if key not in below]
        if not fresh:
            break
        below |= _step(connection, fresh, direction, least_confidence)
        level = [group.version_ids for key in fresh for group in below[key]]
    return below


def _step(
    connection: duckdb.DuckDBPyConnection,
    groups: Sequence[tuple[int, ...]],
    direction: Direction,
    least_confidence: float,
) -> Below:
    connection.execute("CREATE OR REPLACE TEMP TABLE step (node BIGINT, near BIGINT, far BIGINT, "
                       "best STRUCT(confidence DOUBLE, precedence INTEGER, execution_id BIGINT, "
                       "rule VARCHAR))")  # fmt: skip
    connection.execute("CREATE OR REPLACE TEMP TABLE member (node BIGINT, version_id BIGINT)")
    asked: dict[int, list[int]] = {}
    for node, key in enumerate(groups):
        for version_id in _representatives(connection, key, direction):
            asked.setdefault(version_id, []).append(node)
        connection.execute("INSERT INTO member SELECT ?, unnest(?::BIGINT[])", [node, list(key)])
    done: set[tuple[int, int]] = set()
    while asked:
        _take_step(connection, asked, direction)
        done |= {(node, version_id) for version_id, nodes in asked.items() for node in nodes}
        asked = _scratch(connection, done, least_confidence)
    answer = fetch(connection, statement("fold"), [least_confidence, MOST_SIBLINGS])
    below: Below = {key: [] for key in groups}
    for node, place, kind, version_ids, *rest in answer.rows:
        below[groups[node]].append(Group(place, kind, tuple(version_ids), *rest))
    return below


def _take_step(
    connection: duckdb.DuckDBPyConnection, asked: Mapping[int, Sequence[int]], direction: Direction
) -> None:
    # In the text and not as parameters: only constants reach the tables below the views.
    listed = ", ".join(str(int(version_id)) for version_id in asked)
    pairs = ", ".join(f"({int(id_)}, {node})" for id_, nodes in asked.items() for node in nodes)
    text = statement(direction.step).replace("{ids}", listed)
    connection.execute(
        f"INSERT INTO step SELECT a.node, s.near, s.far, s.best FROM ({text}) s "  # noqa: S608
        f"JOIN (VALUES {pairs}) a(version_id, node) ON a.version_id = s.near"
    )


def _representatives(
    connection: duckdb.DuckDBPyConnection, key: tuple[int, ...], direction: Direction
) -> list[int]:
    if len(key) == 1:
        return list(key)
    found = fetch(connection, statement(direction.representatives), [list(key), list(key)])
    return [row[0] for row in found.rows]


def _scratch(
    connection: duckdb.DuckDBPyConnection, done: set[tuple[int, int]], least_confidence: float
) -> dict[int, list[int]]:
    """Return the scratch files that were met and are still to be walked through, by version."""
    rows = connection.execute(
        "SELECT DISTINCT s.far, s.node FROM step s JOIN store.versions v ON v.version_id = s.far "
        "WHERE v.scratch AND s.best.confidence >= ?",
        [least_confidence],
    ).fetchall()
    asked: dict[int, list[int]] = {}
    for version_id, node in rows:
        if (node, version_id) not in done:
            asked.setdefault(version_id, []).append(node)
    return asked
