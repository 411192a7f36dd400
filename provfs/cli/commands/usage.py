"""`provfs usage`: who read and wrote an artifact, first and last."""

from __future__ import annotations

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.queries import lineage

_COLUMNS = (
    Column("access", lambda row: row["mode"]),
    Column("user", lambda row: row["login_user"] or row["user_name"]),
    Column("executions", lambda row: row["executions"], right=True),
    Column("opens", lambda row: row["opens"], right=True),
    Column("bytes", lambda row: render.size(row["bytes"]), right=True),
    Column("first", lambda row: row["first_at"]),
    Column("last", lambda row: row["last_at"]),
    Column("last by", lambda row: tree.via(row["last_execution_id"], row["last_command"])),
)


@click.command()
@click.argument("name")
@home_option
@form_options
def command(name: str, *, as_csv: bool, as_json: bool) -> None:
    """Show who read and wrote NAME, how often, first and last, and who has it open for writing.

    NAME is a path, a uri, or the end of one; NAME@2 is its second version, NAME alone all of them.

    \b
    Example:
      provfs usage clean.csv
    """
    with fresh_log(settings()) as connection:
        answer = lineage.ask(connection, "usage", artifact_name(name))
    print_answer(answer, _COLUMNS, as_csv=as_csv, as_json=as_json)
