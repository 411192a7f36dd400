"""Find an earlier run of a command whose code and inputs are still what they were.

Contract: nothing is run and nothing is changed. A run counts if it had the same words and the same
directory, its script still has its digest, and every content that it was given still lies at its
place on this machine; an input that cannot be looked at makes the run useless as proof. Not here:
runs that are compared in the log alone, see the macro `reusable`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from provfs.digest import hash_file
from provfs.log.store import Rows
from provfs.queries import presence
from provfs.queries.lineage import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import duckdb

MOST_RUNS = 20
"""So many earlier runs of one command are looked at, the newest first."""

_COLUMNS = (
    "execution_id", "started_at", "user_name", "host", "command", "output_uri", "output_ordinal",
    "output_version_id", "output_digest", "is_current",
)  # fmt: skip


class Found(NamedTuple):
    """One row for each output of the run that was found; else why there is none."""

    answer: Rows
    reason: str


def find_run(connection: duckdb.DuckDBPyConnection, words: Sequence[str]) -> Found:
    """Return what the newest run made that this command would repeat."""
    digests = [str(found[0]) for word in words if (found := hash_file(os.path.abspath(word)))]
    runs = [
        run
        for run in ask(connection, "earlier_runs", digests).dicts()
        if list(run["command"][1:]) == list(words[1:]) and run["cwd"] == os.getcwd()
    ]
    reason = "no earlier run of this command with this code is known"
    for run in runs[:MOST_RUNS]:
        changed = _changed_input(connection, run["execution_id"])
        if changed is None:
            return Found(_outputs(connection, run), "it left no output")
        reason = f"{changed} since #{run['execution_id']}"
    return Found(Rows(_COLUMNS, []), reason)


def _changed_input(connection: duckdb.DuckDBPyConnection, execution_id: int) -> str | None:
    """Return the first input that is not what the run was given, in words; None where all are."""
    given = ask(connection, "given_to", execution_id, execution_id).rows
    for uri, digest, fingerprint in given:
        found = presence.look(uri, digest, fingerprint)
        if found != presence.PRESENT:
            return f"{uri} is {found}"
    return None if given else "no input is known"


def _outputs(connection: duckdb.DuckDBPyConnection, run: dict[str, Any]) -> Rows:
    made = ask(connection, "made_by", run["execution_id"]).dicts()
    head = tuple(run[name] for name in _COLUMNS[:5])
    fields = ("uri", "ordinal", "version_id", "digest", "is_current")
    return Rows(_COLUMNS, [(*head, *(one[name] for name in fields)) for one in made])
