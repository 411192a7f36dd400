"""Letting old reads go changes no edge, no walk and no version of any history."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path

import duckdb
import pytest
from hypothesis import given

from provfs.config import Settings
from provfs.ingest import compact, ingest
from provfs.ingest.integrity import facts
from tests import builders
from tests.property import log_reading
from tests.property.history import World
from tests.property.strategies import NAMES, examples, worlds

Answers = dict[str, list[tuple[object, ...]]]

_TIMES = "read_at::VARCHAR AS read_at, written_at::VARCHAR AS written_at"
_QUESTIONS = {
    "all_edges": f"SELECT * REPLACE ({_TIMES}) FROM all_edges",
    "edges": f"SELECT * REPLACE ({_TIMES}) FROM edges",
    "versions": "FROM store.versions",
    "executions": "FROM store.executions",
    "writes": "FROM store.writes",
    "given": "FROM store.given_to("
    "(SELECT coalesce(list(DISTINCT program_id), []) FROM store.writes))",
    "lost": "FROM store.lost()",
    **{
        f"{walk} {name}": f"FROM {walk}("
        "(SELECT coalesce(list(version_id), []) FROM versions"
        f" WHERE uri = '{builders.uri(name)}'), 0)"
        for walk in ("store.walk_up", "store.walk_down")
        for name in NAMES
    },
}


def _answers(path: Path) -> Answers:
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            name: sorted(connection.execute(question).fetchall(), key=repr)
            for name, question in _QUESTIONS.items()
        }


@examples(6)
@given(worlds())
def test_answers_are_the_same_when_old_reads_are_gone(world: World) -> None:
    """With all reads older than the limit and all programs over, every answer stays."""
    with (
        tempfile.TemporaryDirectory(prefix="property-") as directory,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(socket, "gethostname", lambda: builders.HOST)
        home = Path(directory) / "home"
        path = log_reading.ingested(world, home)
        now_ns = time.time_ns()
        before, expected = _answers(path), _facts(path, now_ns)

        compact(Settings(home=home), keep_days=0)

        after = _answers(path)
        for name, rows in before.items():
            assert after[name] == rows, f"{name} differs"
        assert _facts(path, now_ns) == expected
        assert ingest(Settings(home=home)).records == 0


def _facts(path: Path, since_ns: int) -> dict[str, tuple[int, int]]:
    """Return what `provfs verify` compares, for a log from which older reads are to be gone."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return facts(connection, since_ns)
