"""`provfs status`: where things lie, how much there is, and whether anything is missing."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render
from provfs.cli.options import artifact_name, home_option, json_option, settings
from provfs.errors import LogBusyError
from provfs.journal.reader import journals
from provfs.log import store
from provfs.queries import lineage
from provfs.scope import KindRules, Scope

if TYPE_CHECKING:
    import datetime as dt

    from provfs.config import Settings

_COUNTED = ("executions", "artifacts", "versions", "accesses")


@click.command()
@click.option("--why", metavar="PATH", help="Say whether PATH is captured and which rule decides.")
@home_option
@json_option
def command(why: str | None, *, as_json: bool) -> None:
    """Show the home, its log, what waits to be taken in, and what is known to be missing.

    Takes nothing in and changes nothing.

    \b
    Example:
      provfs status
      provfs status --why /usr/share/dict/words
    """
    chosen = settings()
    facts = _why(chosen, why) if why is not None else _facts(chosen)
    if as_json:
        render.print_json(facts)
    elif why is not None:
        verb = "is captured" if facts["captured"] else "is not captured"
        click.echo(f"{facts['uri']} {verb}: {facts['reason']}; kind {facts['kind']}")
    else:
        _print(facts)


def _why(chosen: Settings, path: str) -> dict[str, Any]:
    uri = artifact_name(path if "://" in path else os.path.abspath(path))
    decision = Scope(chosen.include, chosen.exclude, os.path.realpath(chosen.home)).decide(uri)
    return {
        "uri": uri,
        "captured": decision.captured,
        "reason": decision.reason,
        "kind": KindRules(chosen.kinds).kind_of(uri),
    }


def _facts(chosen: Settings) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "home": str(chosen.home),
        "home_exists": chosen.home.is_dir(),
        "capture": "off: PROVFS_DISABLED=1" if os.environ.get("PROVFS_DISABLED") == "1" else "on",
        "log": str(chosen.log_path),
        "log_bytes": chosen.log_path.stat().st_size if chosen.log_path.exists() else None,
    }
    taken: dict[str, int] = {}
    gaps: list[dict[str, Any]] = []
    if facts["log_bytes"] is not None:
        try:
            with store.reader(chosen.log_path) as connection:
                facts |= lineage.ask(connection, "status").dicts()[0]
                taken = dict(lineage.ask(connection, "progress").rows)
                gaps = lineage.ask(connection, "gaps").dicts()
        except LogBusyError as error:
            facts["busy"] = error.message
    waiting = [
        size - taken.get(path.name, 0)
        for path in journals(chosen.journal_directory)
        if (size := _size(str(path))) > taken.get(path.name, 0)
    ]
    last = facts.pop("ingested_ns", None)
    return {
        **facts,
        "last_ingest_age_s": None if last is None else (time.time_ns() - last) / 1e9,
        "waiting_journals": len(waiting),
        "waiting_bytes": sum(waiting),
        "gap_kinds": gaps,
    }


def _let_go(moment: dt.datetime | None) -> str | None:
    return None if moment is None else f"reads before {render.moment(moment)} that led to nothing"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _print(facts: dict[str, Any]) -> None:
    age = facts["last_ingest_age_s"]
    log = "none yet; run something: provfs run -- COMMAND"
    if facts["log_bytes"] is not None:
        log = f"{facts['log']} ({render.size(facts['log_bytes'])}"
        log += (
            f", format {facts['format']}, DuckDB {facts['duckdb']})" if "format" in facts else ")"
        )
    waiting = render.count(facts["waiting_journals"], "journal")
    waiting += f", {render.size(facts['waiting_bytes'])}" if facts["waiting_journals"] else ""
    render.print_fields(
        {
            "home": facts["home"] + ("" if facts["home_exists"] else " (not made yet)"),
            "capture": facts["capture"],
            "log": log,
            "busy": facts.get("busy"),
            "last taken in": None if age is None else f"{render.duration(age)} ago",
            "waiting": waiting,
            "holds": ", ".join(f"{facts[noun]:,} {noun}" for noun in _COUNTED if noun in facts)
            or None,
            "let go": _let_go(facts.get("accesses_since")),
            "incomplete": facts.get("incomplete_versions") or None,
            "lost records": facts.get("lost_records"),
            "gaps": facts.get("gaps"),
        }
    )
    for gap in facts["gap_kinds"]:
        click.echo(
            f"  {gap['kind']}: {gap['count']:,}, "
            f"last {render.moment(gap['last_at'])}: {gap['detail']}"
        )
