"""Give every uri of a batch its artifact, and new artifacts their kind.

Contract: the kind is the one that `provfs.scope.KindRules` tells; the built-in patterns are matched
by the engine, which takes a tenth of the time. Not here: the patterns, see `provfs.scope`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from provfs.ingest.steps import run, text
from provfs.scope import BUILT_IN_KINDS, KindRules

if TYPE_CHECKING:
    import duckdb

    from provfs.config import Settings


def name_artifacts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Leave the table `uris`, and a row in the log for each that is new."""
    run(connection, "names")
    chosen = _chosen(connection, settings) if settings.kinds else {}
    run(connection, "chosen", uris=list(chosen), kinds=list(chosen.values()))
    connection.execute(text("artifacts").replace("{kind}", _built_in()))


def _chosen(connection: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, str]:
    """Return the kinds of new uris that the user's own patterns tell."""
    rules = KindRules(settings.kinds)
    fresh = connection.execute("SELECT uri FROM named WHERE artifact_id IS NULL").fetchall()
    return {uri: kind for (uri,) in fresh if (kind := rules.chosen(uri))}


@lru_cache(maxsize=1)
def _built_in() -> str:
    """Return the kind by the built-in patterns as an expression."""
    cases = (
        f"WHEN regexp_matches(n.uri, '{pattern}', 'i') THEN '{kind}'"
        for kind, pattern in BUILT_IN_KINDS
    )
    return f"CASE {' '.join(cases)} ELSE 'other' END"
