"""Ingest the journals of a world and read the public views back in the oracle's terms.

Contract: versions are found again by name and modification time, which the world gives out once
each. TIMESTAMPTZ columns are never fetched, so that no time zone package is needed.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.model import Fingerprint
from tests import builders
from tests.property.history import World
from tests.property.oracle import Found, Pair, Reached
from tests.property.truth import Key

_FACTS = {
    "versions": """
        SELECT uri, fingerprint, digest, size_bytes, origin, complete, created_at::VARCHAR,
            ended_at::VARCHAR
        FROM versions
        """,
    "artifacts": """
        SELECT uri, kind, versions, first_seen_at::VARCHAR, last_changed_at::VARCHAR FROM artifacts
        """,
    "accesses": """
        SELECT e.pid, a.uri, a.digest, a.mode, a.opened_at::VARCHAR, a.closed_at::VARCHAR, a.opens,
            a.bytes, a.channel
        FROM accesses a JOIN executions e USING (execution_id)
        """,
    "executions": """
        SELECT e.pid, p.pid, e.started_at::VARCHAR, e.ended_at::VARCHAR, e.exit_code,
            e.command::VARCHAR
        FROM executions e LEFT JOIN executions p ON p.execution_id = e.parent_id
        """,
    "edges": """
        SELECT i.uri, i.fingerprint, o.uri, o.fingerprint, e.rule, e.confidence::DOUBLE
        FROM all_edges e
        JOIN versions i ON i.version_id = e.input_version_id
        JOIN versions o ON o.version_id = e.output_version_id
        """,
    "gaps": """
        SELECT e.pid, g.channel, g.kind, g.count, g.detail
        FROM gaps g LEFT JOIN executions e USING (execution_id)
        """,
}


def ingested(world: World, home: Path) -> Path:
    """Write all journals of a world into a home, ingest them, and return the path of the log."""
    settings = Settings(home=home)
    prepare_home(settings)
    for pid, records in world.journals().items():
        builders.write_journal(home, pid, records)
    ingest(settings)
    return settings.log_path


def read_versions(connection: duckdb.DuckDBPyConnection) -> dict[int, Key]:
    """Return the versions by id."""
    rows = connection.execute("SELECT version_id, uri, fingerprint FROM versions").fetchall()
    return {version_id: _key(uri, fingerprint) for version_id, uri, fingerprint in rows}


def read_edges(connection: duckdb.DuckDBPyConnection) -> dict[Pair, Found]:
    """Return all edges, of any confidence; an assertion fails where a pair has two rows."""
    keys = read_versions(connection)
    found: dict[Pair, Found] = {}
    for source, target, rule, confidence in connection.execute(
        "SELECT input_version_id, output_version_id, rule, confidence FROM all_edges"
    ).fetchall():
        pair = keys[source], keys[target]
        assert pair not in found, f"two rows for {pair}"
        found[pair] = Found(rule, round(float(confidence), 3))
    return found


def read_walk(connection: duckdb.DuckDBPyConnection, macro: str, name: str) -> dict[Key, Reached]:
    """Return what `upstream` or `downstream` of an artifact reaches, without its own start
    (depth 0).
    """
    keys = read_versions(connection)
    reached: dict[Key, Reached] = {}
    for version_id, depth, confidence in connection.execute(
        f"SELECT version_id, depth, confidence FROM {macro}(?) WHERE depth > 0",
        [builders.uri(name)],
    ).fetchall():
        assert keys[version_id] not in reached, f"two rows for {keys[version_id]}"
        reached[keys[version_id]] = Reached(round(float(confidence), 3), depth)
    return reached


def read_stale(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, float]]:
    """Return depth and confidence of what `stale` finds; an assertion fails where it names an input
    that is none.
    """
    pairs = {pair[:2] for pair in _shown_pairs(connection)}
    found = {}
    for version_id, input_id, depth, confidence in connection.execute(
        "SELECT version_id, input_version_id, depth, confidence FROM stale()"
    ).fetchall():
        assert (input_id, version_id) in pairs
        found[version_id] = (depth, round(float(confidence), 3))
    return found


def stale_by_pairs(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, float]]:
    """Return the same from the pairs of `edges`, one by one."""
    pairs = _shown_pairs(connection)
    states = connection.execute(
        "SELECT version_id, artifact_id, digest, ended_at IS NULL FROM versions ORDER BY ordinal"
    ).fetchall()
    place = {version_id: artifact_id for version_id, artifact_id, _, _ in states}
    digests = {version_id: digest for version_id, _, digest, _ in states}
    newest = {artifact_id: version_id for version_id, artifact_id, _, _ in states}
    current = {version_id for version_id, *_, lasts in states if lasts} & set(newest.values())
    inputs: dict[int, dict[int, float]] = {version_id: {} for version_id in current}
    for source, target, confidence in pairs:
        if target in current:
            inputs[target][source] = confidence
    found: dict[int, tuple[int, float]] = {}
    for target, sources in inputs.items():
        old = [
            confidence
            for source, confidence in sources.items()
            if place[source] != place[target]
            and (newer := newest[place[source]]) not in {source, *sources}
            and (digests[source] is None or digests[source] != digests[newer])
        ]
        if old:
            found[target] = (1, max(old))
    depth = 1
    while True:
        depth += 1
        further = {
            target: (depth, max(paths))
            for target, sources in inputs.items()
            if target not in found
            and (paths := [min(c, found[one][1]) for one, c in sources.items() if one in found])
        }
        if not further:
            return found
        found |= further


def _shown_pairs(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, float]]:
    rows = connection.execute(
        "SELECT input_version_id, output_version_id, confidence FROM edges"
    ).fetchall()
    return [(source, target, round(float(confidence), 3)) for source, target, confidence in rows]


def read_facts(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that must not depend on how the journals were fed, free of ids."""
    return {
        view: sorted(connection.execute(query).fetchall(), key=repr)
        for view, query in _FACTS.items()
    }


def _key(uri: str, fingerprint: str) -> Key:
    parsed = Fingerprint.parse(fingerprint)
    assert parsed is not None
    return Key(uri.removeprefix(builders.uri("")), parsed.mtime_ns)
