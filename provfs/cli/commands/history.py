"""`provfs history`: all versions of an artifact."""

from __future__ import annotations

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, json_option, settings
from provfs.queries import lineage


@click.command()
@click.argument("name")
@home_option
@json_option
def command(name: str, *, as_json: bool) -> None:
    """List the versions of NAME, oldest first, and what wrote each.

    NAME is a path, a uri, or the end of one that only one artifact has. The numbers are those of
    NAME@N in other commands.

    \b
    Example:
      provfs history model.joblib
    """
    with fresh_log(settings()) as connection:
        target = lineage.find_version(connection, artifact_name(name))
        answer = lineage.ask(connection, "history", target.uri)
    rows = answer.dicts()
    if as_json:
        render.print_json({"uri": target.uri, "kind": target.kind, "versions": rows})
        return
    click.echo(f"{render.place(target.uri)} ({target.kind})", err=True)
    render.print_table(
        ("version", "digest", "size", "created", "state", "via"),
        [
            (
                f"@{row['ordinal']}",
                render.digest(row["digest"]),
                render.size(row["size_bytes"]),
                row["created_at"],
                _state(row["ended_at"] is None, row["complete"]),
                tree.via(row["execution_id"], row["command"])
                or f"{row['origin']}, writer not seen",
            )
            for row in rows
        ],
        right=(2,),
    )


def _state(current: bool, complete: bool) -> str:
    state = "current" if current else "past"
    return state if complete else f"{state}, incomplete"
