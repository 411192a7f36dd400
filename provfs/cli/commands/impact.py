"""`provfs impact`: which models a dataset reached, and where copies of them lie."""

from __future__ import annotations

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.queries import lineage

_COLUMNS = (
    Column("steps", lambda row: row["depth"], right=True),
    Column("model", lambda row: tree.named(row["uri"], row["ordinal"])),
    Column("digest", lambda row: render.digest(row["digest"])),
    Column("state", lambda row: "current" if row["is_current"] else "past"),
    Column("conf", lambda row: row["confidence"], right=True),
    Column("copies", lambda row: ", ".join(map(render.place, row["copies"] or ())) or None),
)


@click.command()
@click.argument("name")
@home_option
@form_options
def command(name: str, *, as_csv: bool, as_json: bool) -> None:
    """List the models that descend from NAME, and where copies of them lie.

    NAME is a path, a uri, or the end of one; NAME@2 is its second version, NAME alone all of them.

    \b
    Example:
      provfs impact raw.csv@1
    """
    with fresh_log(settings()) as connection:
        answer = lineage.ask(connection, "impact", artifact_name(name))
    print_answer(answer, _COLUMNS, as_csv=as_csv, as_json=as_json)
    click.echo(render.count(len(answer.rows), "version") + " of models", err=True)
