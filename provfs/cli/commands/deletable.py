"""`provfs deletable`: which files can go without a loss of content."""

from __future__ import annotations

from typing import Any

import click

from provfs.cli import render
from provfs.cli.asking import fresh_log
from provfs.cli.options import home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.queries import lineage


def _because(row: Any) -> str:
    if row["reason"] == "copy":
        return f"the same is in {render.place(row['same_as'])}"
    return f"#{row['made_by']} can make it again"


_COLUMNS = (
    Column("file", lambda row: render.place(row["uri"])),
    Column("size", lambda row: render.size(row["size_bytes"]), right=True),
    Column("kind", lambda row: row["kind"]),
    Column("last used", lambda row: row["last_used_at"]),
    Column("because", _because),
)


@click.command()
@click.option(
    "--unused-days",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Only what was neither read nor written for so long.",
)
@home_option
@form_options
def command(unused_days: int, *, as_csv: bool, as_json: bool) -> None:
    """List files that can go: copies of what is kept, and data that can be made again.

    Models, metrics, sources, and what was made by a program that lost records or of which no input
    was seen, are never listed. Deletes nothing. What the log was not shown it does not know: look
    before you delete.

    \b
    Example:
      provfs deletable --unused-days 30
    """
    with fresh_log(settings()) as connection:
        answer = lineage.ask(connection, "deletable", unused_days)
    print_answer(answer, _COLUMNS, as_csv=as_csv, as_json=as_json)
    total = sum(row["size_bytes"] or 0 for row in answer.dicts())
    click.echo(f"{render.count(len(answer.rows), 'file')}, {render.size(total)}", err=True)
