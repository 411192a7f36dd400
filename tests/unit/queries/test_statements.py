"""Every query that ships can be run on a log as it is made today."""

from importlib.resources import files

import pytest

from provfs.log import store
from provfs.log.store import fetch
from provfs.queries import statement
from tests import builders

NAMES = sorted(
    entry.name.removesuffix(".sql")
    for entry in files("provfs.queries").iterdir()
    if entry.name.endswith(".sql")
)
NAMED = ("upstream", "history", "usage", "impact", "reproducible", "reusable", "cost")
PARAMETERS = {
    **{name: ["x.csv"] for name in NAMED}, "walk_up": [["x.csv"]], "walk_down": [["x.csv"]],
    "named": [["x.csv"], True], "code": [[1]], "scripts": [[1]],
    "hidden_up": [[1], 0.5], "hidden_down": [[1], 0.5],
    "last_written": [[1], [1]], "first_read": [[1], [1]], "earlier_runs": [["d"]],
}  # fmt: skip
STEP = (
    "CREATE TEMP TABLE step (node BIGINT, near BIGINT, far BIGINT, best STRUCT(confidence DOUBLE,"
    " precedence INTEGER, execution_id BIGINT, rule VARCHAR));"
    "CREATE TEMP TABLE member (node BIGINT, version_id BIGINT)"
)


@pytest.fixture
def connection(home):
    """Return a log that holds one version of x.csv."""
    from provfs.config import Settings
    from provfs.ingest import ingest

    written = builders.write(1, 1, "x.csv", 20, 30, fingerprint="f", content="x", size_bytes=1)
    builders.write_journal(
        home, 1, [builders.execution(1, 10), builders.opening(1, 1, "x.csv", 20), written]
    )
    settings = Settings(home=home)
    ingest(settings)
    with store.reader(settings.log_path) as connection:
        yield connection


@pytest.mark.parametrize("name", NAMES)
def test_query_runs(connection, name):
    """A query names columns and views that exist."""
    connection.execute(STEP)
    text = statement(name).replace("{ids}", "1, 2")
    parameters = PARAMETERS.get(name, [1] * text.count("?"))

    assert fetch(connection, text, parameters).columns


@pytest.mark.parametrize("name", NAMES)
def test_query_says_what_it_answers(name):
    """The first line of a query is its question."""
    assert statement(name).startswith("-- ")
