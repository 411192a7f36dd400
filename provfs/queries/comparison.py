"""Compare two versions, or two executions, by what went into them and by what made them.

Contract: inputs of versions are compared over the whole upstream, those of executions by what their
programs read; by uri and content and not by name of version. Code is compared file by file,
packages one by one. What is equal is counted, not listed. Not here: contents of settings and
metrics, see `provfs.queries.contents`; how a comparison looks, see `provfs.cli.commands.diff`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provfs.errors import UnknownArtifactError
from provfs.queries.contents import Difference, different_values, differing
from provfs.queries.lineage import ask, exact, version_of_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

    from provfs.log.answers import Version

_OF_THE_EXECUTION = (
    *("command", "cwd", "executable", "git_commit", "git_dirty", "host", "user_name"),
    *("login_user", "container", "job_system"),
)

States = dict[str, list[dict[str, Any]]]


class Comparison(NamedTuple):
    """What differs between two versions or executions, and how much does not.

    Attributes:
        a: The one; of an execution what the log has of it.
        b: The other.
        same_content: Whether two versions have one digest; None for executions.
        inputs: Data and models that differ by content, with the states on either side.
        outputs: Likewise of what two executions made; empty for versions.
        code: Scripts and modules.
        execution: Command, directory, commit, user, host and the like.
        environment: Recorded environment variables.
        packages: Installed packages, by version.
        settings: Single values of JSON files whose contents are still there.
        metrics: Likewise.
    """

    a: Version | Mapping[str, Any]
    b: Version | Mapping[str, Any]
    same_content: bool | None
    inputs: list[Difference]
    same_inputs: int
    outputs: list[Difference]
    same_outputs: int
    code: list[Difference]
    same_code: int
    execution: list[Difference]
    environment: list[Difference]
    packages: list[Difference]
    same_packages: int
    settings: list[Difference]
    metrics: list[Difference]


class _Side(NamedTuple):
    inputs: States
    outputs: States
    runs: set[int]
    execution: Mapping[str, Any]
    metrics: list[int]


def compare(connection: duckdb.DuckDBPyConnection, a: Version, b: Version) -> Comparison:
    """Return what differs between two versions."""
    sides = [_of_version(connection, version) for version in (a, b)]
    same = a.digest is not None and a.digest == b.digest
    return _compared(connection, a, b, same, *sides)


def compare_executions(connection: duckdb.DuckDBPyConnection, a: int, b: int) -> Comparison:
    """Return what differs between two executions, by their numbers.

    Raises:
        UnknownArtifactError: There is no execution of a number.
    """
    found = [_execution(connection, number) for number in (a, b)]
    sides = [_of_execution(connection, execution) for execution in found]
    return _compared(connection, found[0], found[1], None, *sides)


def _compared(
    connection: duckdb.DuckDBPyConnection,
    a: Version | Mapping[str, Any],
    b: Version | Mapping[str, Any],
    same_content: bool | None,
    left: _Side,
    right: _Side,
) -> Comparison:
    inputs, same_inputs = _different_states(left.inputs, right.inputs)
    outputs, same_outputs = _different_states(left.outputs, right.outputs)
    code = [_files(connection, side.runs) for side in (left, right)]
    packages = [_packages(connection, side.execution) for side in (left, right)]
    environments = [_environment(side.execution) for side in (left, right)]
    runs = [{n: side.execution.get(n) for n in _OF_THE_EXECUTION} for side in (left, right)]
    settings = [
        value
        for difference in inputs
        if difference.kind == "config" and len(difference.a or ()) == len(difference.b or ()) == 1
        for value in _values(connection, left.inputs, right.inputs, difference.name)
    ]
    metrics = [
        value
        for pair in zip(left.metrics, right.metrics, strict=False)
        for value in different_values(connection, *(version_of_id(connection, n) for n in pair))
    ]
    return Comparison(
        a, b, same_content, inputs, same_inputs, outputs, same_outputs,
        differing("script", *code), _equal(*code), differing("execution", *runs),
        differing("environment", *environments), differing("package", *packages),
        _equal(*packages), settings, metrics,
    )  # fmt: skip


def _of_version(connection: duckdb.DuckDBPyConnection, version: Version) -> _Side:
    inputs: States = {}
    runs = set()
    for row in ask(connection, "upstream", exact(version)).dicts():
        inputs.setdefault(row["uri"], []).append(row)
        runs.add(row["via_execution"])
    writers = ask(connection, "execution", version.execution_id).dicts()
    runs |= {writer["execution_id"] for writer in writers}
    metrics = [row[0] for row in ask(connection, "metrics", version.version_id).rows]
    return _Side(inputs, {}, runs - {None}, writers[0] if writers else {}, metrics)


def _of_execution(connection: duckdb.DuckDBPyConnection, execution: Mapping[str, Any]) -> _Side:
    program = execution["program_id"]
    inputs, outputs = (
        _by_uri(ask(connection, name, *parameters).dicts())
        for name, parameters in (("given", [program, program]), ("made", [program]))
    )
    metrics = [
        row["version_id"] for rows in outputs.values() for row in rows if row["kind"] == "metrics"
    ]
    return _Side(inputs, outputs, {execution["execution_id"]}, execution, metrics)


def _execution(connection: duckdb.DuckDBPyConnection, number: int) -> Mapping[str, Any]:
    found = ask(connection, "execution", number).dicts()
    if not found:
        msg = f"unknown execution: #{number}"
        raise UnknownArtifactError(
            msg, hint='list them: provfs sql "SELECT execution_id, command FROM executions"'
        )
    return found[0]


def _by_uri(rows: Sequence[dict[str, Any]]) -> States:
    states: States = {}
    for row in rows:
        states.setdefault(row["uri"], []).append(row)
    return states


def _different_states(left: States, right: States) -> tuple[list[Difference], int]:
    """Return places whose contents differ, and how many do not."""
    differences, same = [], 0
    for uri in sorted({*left, *right}):
        ours, theirs = left.get(uri, []), right.get(uri, [])
        if {row["digest"] for row in ours} == {row["digest"] for row in theirs} != {None}:
            same += 1
            continue
        kind = (theirs or ours)[0]["kind"]
        differences.append(Difference(uri, kind, _states(ours), _states(theirs)))
    return differences, same


def _states(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    return [{"ordinal": row["ordinal"], "digest": row["digest"]} for row in rows] or None


def _values(
    connection: duckdb.DuckDBPyConnection, left: States, right: States, uri: str
) -> list[Difference]:
    ours, theirs = (version_of_id(connection, side[uri][0]["version_id"]) for side in (left, right))
    return different_values(connection, ours, theirs)


def _files(connection: duckdb.DuckDBPyConnection, runs: Iterable[int]) -> dict[str, Any]:
    """Return the digest of each file of code; of one that changed between runs all of them."""
    digests: dict[str, list[str | None]] = {}
    for uri, digest in ask(connection, "scripts", sorted(runs)).rows:
        digests.setdefault(uri, []).append(digest)
    return {uri: found[0] if len(found) == 1 else found for uri, found in digests.items()}


def _packages(
    connection: duckdb.DuckDBPyConnection, execution: Mapping[str, Any]
) -> dict[str, Any]:
    return dict(ask(connection, "packages", execution.get("packages_digest")).rows)


def _environment(execution: Mapping[str, Any]) -> dict[str, Any]:
    pairs = execution.get("environment") or ()
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _equal(left: Mapping[str, Any], right: Mapping[str, Any]) -> int:
    return sum(name in right and right[name] == value for name, value in left.items())
