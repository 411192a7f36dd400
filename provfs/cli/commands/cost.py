"""`provfs cost`: what a version, a user, a script, a job or a team took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.log.store import Rows
from provfs.queries import lineage

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUMMED = ("elapsed_s", "cpu_s", "read_bytes", "written_bytes")
_TAKEN = (
    Column("elapsed", lambda row: _time(row["elapsed_s"]), right=True),
    Column("cpu", lambda row: _time(row["cpu_s"]), right=True),
    Column("memory", lambda row: render.size(row["max_rss_bytes"]), right=True),
    Column("read", lambda row: render.size(row["read_bytes"]), right=True),
    Column("written", lambda row: render.size(row["written_bytes"]), right=True),
)


@click.command()
@click.argument("name", required=False)
@click.option(
    "--by",
    metavar="WHAT",
    help="Sum by user, script, job, host, day, or the value of a recorded environment variable.",
)
@home_option
@form_options
def command(name: str | None, by: str | None, *, as_csv: bool, as_json: bool) -> None:
    """Show what it took to make NAME, step by step, or what everything took.

    NAME is a path, a uri, or the end of one; NAME@2 is its second version. All programs on the way
    to it count once. Without NAME, or with --by, costs are summed: by user unless something else is
    said. A team is what an environment variable says, such as SLURM_JOB_ACCOUNT.

    Memory is the largest of all, not a sum.

    \b
    Example:
      provfs cost model.joblib
      provfs cost --by script
      provfs cost --by SLURM_JOB_ACCOUNT --csv
    """
    with fresh_log(settings()) as connection:
        if name is None:
            answer = lineage.ask(connection, "costs")
        else:
            answer = lineage.ask(connection, "cost", artifact_name(name))
    if name is not None and by is None:
        shown = [Column("execution", lambda row: tree.via(row["execution_id"], row["command"]))]
        print_answer(answer, [*_TAKEN, *shown], as_csv=as_csv, as_json=as_json)
        total = _summed(answer, lambda _: "all")
        for row in total.dicts():
            count = render.count(row["executions"], "execution")
            click.echo(f"{count}: {_time(row['cpu_s'])} of cpu time", err=True)
        return
    what = by or "user"
    grouped = _summed(answer, lambda row: _group(row, what))
    columns = (
        Column(what, lambda row: row["group"]),
        Column("executions", lambda row: row["executions"], right=True),
        *_TAKEN,
    )
    print_answer(grouped, columns, as_csv=as_csv, as_json=as_json, cut=0)


def _summed(answer: Rows, key: Any) -> Rows:
    groups: dict[str | None, dict[str, Any]] = {}
    for row in answer.dicts():
        group = groups.setdefault(key(row), {"executions": 0})
        group["executions"] += 1
        for name in _SUMMED:
            if row[name] is not None:
                group[name] = group.get(name, 0) + row[name]
        if row["max_rss_bytes"] is not None:
            group["max_rss_bytes"] = max(group.get("max_rss_bytes", 0), row["max_rss_bytes"])
    columns = ("group", "executions", *_SUMMED, "max_rss_bytes")
    rows = [(name, *(group.get(c) for c in columns[1:])) for name, group in groups.items()]
    return Rows(columns, sorted(rows, key=lambda row: -(row[3] or 0)))


def _group(row: Mapping[str, Any], what: str) -> str | None:
    if what == "user":
        user: str | None = row["login_user"] or row["user_name"]
        return user
    if what == "script":
        return None if row["code_uri"] is None else render.place(row["code_uri"])
    if what == "job":
        return None if row["job_key"] is None else f"{row['job_system']} {row['job_key']}"
    if what == "host":
        host: str | None = row["host"]
        return host
    if what == "day":
        return str(row["started_at"].astimezone().date())
    pairs = dict(pair.partition("=")[::2] for pair in row["environment"] or ())
    return pairs.get(what)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds < 100 else render.duration(seconds)  # noqa: PLR2004
