"""`provfs stale`: which outputs are older than what they were made from."""

from __future__ import annotations

from typing import Any

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.queries import lineage


def _newer(row: Any) -> str:
    return "itself stale" if row["newer_ordinal"] is None else f"@{row['newer_ordinal']}"


_COLUMNS = (
    Column("steps", lambda row: row["depth"], right=True),
    Column("stale", lambda row: render.place(row["uri"])),
    Column("made from", lambda row: tree.named(row["input_uri"], row["input_ordinal"])),
    Column("newer", _newer),
)


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@home_option
@form_options
def command(names: tuple[str, ...], *, as_csv: bool, as_json: bool) -> None:
    """List outputs of which an input has a newer version, directly or further up.

    NAME, a path, directory, pattern, uri or the end of one, restricts the answer to these.

    \b
    Example:
      provfs stale
      provfs stale model.joblib reports/
    """
    with fresh_log(settings()) as connection:
        answer = lineage.ask(connection, "stale")
        if names:
            wanted = [artifact_name(name) for name in names]
            found = lineage.find_versions(connection, wanted, newest=True)
            uris = {version.uri for version in found}
            place = answer.columns.index("uri")
            answer = answer._replace(rows=[row for row in answer.rows if row[place] in uris])
    print_answer(answer, _COLUMNS, as_csv=as_csv, as_json=as_json)
    click.echo(f"{render.count(len(answer.rows), 'output')} out of date", err=True)
