"""Contents of small JSON files, settings and metrics, where they still lie on this machine.

Contract: a content is only taken from a file with exactly the digest of the version, at its place
or where a copy lies; what is gone is absent, never guessed. Not here: which versions are compared,
see `provfs.queries.comparison`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from provfs.digest import hash_file
from provfs.model import path_of_uri
from provfs.queries.lineage import ask

if TYPE_CHECKING:
    import duckdb

    from provfs.log.answers import Version

LARGEST_CONTENT_BYTES = 64 << 10
"""Larger JSON files are data and not settings or metrics."""


class Difference(NamedTuple):
    """One thing that is not the same: name, kind, what it is on either side; None where absent."""

    name: str
    kind: str
    a: Any
    b: Any


def different_values(
    connection: duckdb.DuckDBPyConnection, ours: Version, theirs: Version
) -> list[Difference]:
    """Return the differing values of two JSON files; one that is gone gives None."""
    left, right = (_flat(_content(connection, version)) for version in (ours, theirs))
    return differing(theirs.uri, left, right)


def differing(kind: str, left: dict[str, Any], right: dict[str, Any]) -> list[Difference]:
    """Return what two mappings do not have in common, in the order of the second."""
    names = [*right, *(name for name in left if name not in right)]
    return [
        Difference(name, kind, left.get(name), right.get(name))
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
