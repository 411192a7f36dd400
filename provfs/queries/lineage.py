"""Ask the log about versions, their inputs and outputs, and the executions between them.

Contract: functions take an open connection, block until the answer is complete and return plain
values; names are resolved first, so that an unknown name is an error also where the log is empty.
Not here: opening the log, see `provfs.log.store`; trees, see `provfs.queries.graph`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provfs.errors import UnknownArtifactError
from provfs.log.answers import Version
from provfs.log.store import fetch
from provfs.queries import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from provfs.log.store import Rows

_ORDINAL = re.compile(r"@[0-9]+$")


def ask(connection: duckdb.DuckDBPyConnection, name: str, *parameters: Any) -> Rows:
    """Run the query `name` of this package with its parameters."""
    return fetch(connection, statement(name), parameters)


def find_version(connection: duckdb.DuckDBPyConnection, name: str) -> Version:
    """Return the version that a uri, path or suffix stands for: the newest, or the one of `@N`.

    Raises:
        UnknownArtifactError: No artifact has this name, or it has no such version.
        AmbiguousArtifactError: Several artifacts have it.
    """
    version_id = fetch(connection, "SELECT store.resolve_version(?)", [name]).rows[0][0]
    return version_of_id(connection, version_id)


def version_of_id(connection: duckdb.DuckDBPyConnection, version_id: int) -> Version:
    """Return the version with this id.

    Raises:
        UnknownArtifactError: There is none that people should see.
    """
    found = describe(connection, [version_id])
    if version_id not in found:
        msg = f"unknown version: #{version_id}"
        raise UnknownArtifactError(msg)
    return found[version_id]


def describe(
    connection: duckdb.DuckDBPyConnection, version_ids: Iterable[int]
) -> dict[int, Version]:
    """Return what is known of some versions, by id."""
    wanted = set(version_ids)
    artifact_ids = [row[0] for row in _of_ids(connection, "artifacts_of", wanted)]
    rows = _of_ids(connection, "versions_of", artifact_ids)
    return {row[0]: Version(*row) for row in rows if row[0] in wanted}


def find_versions(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], *, newest: bool
) -> list[Version]:
    """Return the versions that some names stand for, in their order and newest first.

    A name that ends in `/` stands for all artifacts below it, one with `*` or `?` for all that
    match. `newest` leaves out what newer versions have replaced, unless a name has `@N`.

    Raises:
        UnknownArtifactError: A name stands for nothing.
        AmbiguousArtifactError: A name that is no pattern stands for several artifacts.
    """
    found = ask(connection, "named", list(names), not newest).rows
    ids = list(dict.fromkeys(row[1] for row in found))
    known = describe(connection, ids)
    return [known[one] for one in ids]


def last_two(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[Version, Version]:
    """Return the last two versions of an artifact, or the named one and the one before it.

    Raises:
        UnknownArtifactError: There is no version before it.
    """
    newer = find_version(connection, name)
    if newer.ordinal == 1:
        msg = f"{name} has no earlier version to compare with"
        raise UnknownArtifactError(
            msg, hint=f"name two versions; see: provfs history {_ORDINAL.sub('', name)}"
        )
    return find_version(connection, f"{newer.uri}@{newer.ordinal - 1}"), newer


def exact(version: Version) -> str:
    """Return the name that means this version and no other, for the macros."""
    return f"{version.uri}@{version.ordinal}"


def _of_ids(
    connection: duckdb.DuckDBPyConnection, name: str, ids: Iterable[int]
) -> list[tuple[Any, ...]]:
    """Run a query about some ids, which are integers."""
    # In the text and not a parameter: only constants reach the tables below the views.
    listed = ", ".join(str(int(one)) for one in ids)
    return fetch(connection, statement(name).replace("{ids}", listed)).rows if listed else []


def code_of(
    connection: duckdb.DuckDBPyConnection, execution_ids: Iterable[int]
) -> list[dict[str, Any]]:
    """Return command and code of some executions, in the order in which they started."""
    return ask(connection, "code", list(execution_ids)).dicts()
