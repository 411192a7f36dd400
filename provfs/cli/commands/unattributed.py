"""`provfs unattributed`: which files changed without a program that was seen doing it."""

from __future__ import annotations

import click

from provfs.cli import render
from provfs.cli.asking import fresh_log
from provfs.cli.options import home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.queries import lineage

_COLUMNS = (
    Column("changed", lambda row: row["changed_at"]),
    Column("file", lambda row: render.place(row["uri"])),
    Column("what", lambda row: row["kind"]),
    Column("before", lambda row: render.digest(row["old_digest"])),
    Column("after", lambda row: render.digest(row["new_digest"])),
    Column("noticed by", lambda row: _noticed(row["noticed_by"], row["channel"])),
)


@click.command()
@home_option
@form_options
def command(*, as_csv: bool, as_json: bool) -> None:
    """List changes of known files that no captured program made.

    An edit by hand, a download, a program outside of capture. The time is that of the file's last
    change; who noticed it is the execution that read the new content first, or the agent.

    \b
    Example:
      provfs unattributed
    """
    with fresh_log(settings()) as connection:
        answer = lineage.ask(connection, "unattributed")
    print_answer(answer, _COLUMNS, as_csv=as_csv, as_json=as_json)
    click.echo(render.count(len(answer.rows), "change"), err=True)


def _noticed(execution_id: int | None, channel: str | None) -> str | None:
    return channel if execution_id is None else f"#{execution_id}"
