"""Compare two versions by what they were made from and by what made them.

Contract: inputs are compared over the whole upstream, by uri and content and not by name of
version; code is compared script by script. What is equal is counted, not listed. Contents are
looked at only where a file with exactly that digest still lies on this machine. Not here: how a
comparison looks, see `provfs.cli.commands.diff`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from provfs.digest import hash_file
from provfs.model import path_of_uri
from provfs.queries.lineage import Version, ask, exact, version_of_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

LARGEST_CONTENT_BYTES = 64 << 10
"""Larger JSON files are data and not settings or metrics."""

_OF_THE_EXECUTION = ("command", "cwd", "executable", "git_commit", "git_dirty", "host", "user_name")


class Difference(NamedTuple):
    """One thing that is not the same: name, kind, what it is on either side; None where absent."""

    name: str
    kind: str
    a: Any
    b: Any


class Comparison(NamedTuple):
    """What differs between two versions, and how much does not.

    `settings` and `metrics` hold single values of JSON files whose contents are still there.
    """

    a: Version
    b: Version
    same_content: bool
    inputs: list[Difference]
    same_inputs: int
    code: list[Difference]
    same_code: int
    execution: list[Difference]
    settings: list[Difference]
    metrics: list[Difference]


class _Side(NamedTuple):
    version: Version
    inputs: dict[str, list[dict[str, Any]]]
    code: dict[str, str | None]
    execution: Mapping[str, Any]


def compare(connection: duckdb.DuckDBPyConnection, a: Version, b: Version) -> Comparison:
    """Return what differs between two versions."""
    left, right = _side(connection, a), _side(connection, b)
    inputs, settings, same_inputs = [], [], 0
    for uri in sorted({*left.inputs, *right.inputs}):
        ours, theirs = left.inputs.get(uri, []), right.inputs.get(uri, [])
        if {row["digest"] for row in ours} == {row["digest"] for row in theirs} != {None}:
            same_inputs += 1
            continue
        kind = (theirs or ours)[0]["kind"]
        inputs.append(Difference(uri, kind, _states(ours), _states(theirs)))
        if kind == "config" and len(ours) == len(theirs) == 1:
            pair = [version_of_id(connection, row["version_id"]) for row in (ours[0], theirs[0])]
            settings += _values(uri, *(_content(connection, version) for version in pair))
    scripts = sorted({*left.code, *right.code})
    code = [
        Difference(uri, "script", left.code.get(uri), right.code.get(uri))
        for uri in scripts
        if left.code.get(uri) != right.code.get(uri)
    ]
    execution = [
        Difference(name, "execution", left.execution.get(name), right.execution.get(name))
        for name in _OF_THE_EXECUTION
        if left.execution.get(name) != right.execution.get(name)
    ]
    return Comparison(
        a,
        b,
        a.digest is not None and a.digest == b.digest,
        inputs,
        same_inputs,
        code,
        len(scripts) - len(code),
        execution,
        settings,
        _metrics(connection, a, b),
    )


def _side(connection: duckdb.DuckDBPyConnection, version: Version) -> _Side:
    inputs: dict[str, list[dict[str, Any]]] = {}
    code: dict[str, str | None] = {}
    for row in ask(connection, "upstream", exact(version)).dicts():
        inputs.setdefault(row["uri"], []).append(row)
        if row["code_uri"] is not None:
            code[row["code_uri"]] = row["code_digest"]
    writers = ask(connection, "execution", version.execution_id).dicts()
    writer: Mapping[str, Any] = writers[0] if writers else {}
    if writer.get("code_uri") is not None:
        code[writer["code_uri"]] = writer["code_digest"]
    return _Side(version, inputs, code, writer)


def _states(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    return [{"ordinal": row["ordinal"], "digest": row["digest"]} for row in rows] or None


def _metrics(connection: duckdb.DuckDBPyConnection, a: Version, b: Version) -> list[Difference]:
    sides: list[list[Version]] = [
        [
            version_of_id(connection, row[0])
            for row in ask(connection, "metrics", version.version_id).rows
        ]
        for version in (a, b)
    ]
    differences = []
    for ours, theirs in zip(*sides, strict=False):
        contents = (_content(connection, ours), _content(connection, theirs))
        differences += _values(theirs.uri, *contents)
    return differences


def _values(uri: str, ours: Any, theirs: Any) -> list[Difference]:
    """Return the differing values of two JSON contents; one that is gone gives None."""
    left, right = _flat(ours), _flat(theirs)
    names = [*right, *(name for name in left if name not in right)]
    return [
        Difference(name, uri, left.get(name), right.get(name))
        for name in names
        if left.get(name) != right.get(name)
    ]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        flat: dict[str, Any] = {}
        for name, inner in value.items():
            flat |= _flat(inner, f"{prefix}.{name}" if prefix else str(name))
        return flat
    return {prefix: value} if prefix else {}


def _content(connection: duckdb.DuckDBPyConnection, version: Version) -> Any:
    """Return the JSON content of a version, from its place or a copy; None where it is gone."""
    if version.digest is None or (version.size_bytes or 0) > LARGEST_CONTENT_BYTES:
        return None
    places = [version.uri, *(row[0] for row in ask(connection, "copies", version.version_id).rows)]
    for uri in places:
        path = path_of_uri(uri)
        if path is None or not os.path.exists(path):
            continue
        hashed = hash_file(path)
        if hashed is None or str(hashed[0]) != version.digest:
            continue
        try:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None
    return None
