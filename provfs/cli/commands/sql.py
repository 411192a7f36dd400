"""`provfs sql`: ask the log in SQL."""

from __future__ import annotations

import sys

import click

from provfs.cli import render
from provfs.cli.asking import fresh_log
from provfs.cli.options import home_option, json_option, settings
from provfs.errors import ConfigError, QueryError
from provfs.log.store import fetch


@click.command()
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a head line.")
@home_option
@json_option
def command(query: str, *, as_csv: bool, as_json: bool) -> None:
    """Run one SQL statement on the log, which it cannot change; `-` reads it from stdin.

    Views: executions, artifacts, versions, accesses, edges, all_edges, changes, gaps. Macros:
    upstream(x), downstream(x), history(x), readers(x), producers(x), impact(x), stale().

    \b
    Example:
      provfs sql "SELECT uri, rule FROM upstream('model.joblib')"
      provfs sql "SHOW TABLES"
    """
    if as_csv and as_json:
        msg = "--csv and --json exclude each other"
        raise ConfigError(msg)
    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        msg = "the statement is empty"
        raise QueryError(msg, hint='for example: provfs sql "SELECT * FROM artifacts"')
    with fresh_log(settings()) as connection:
        answer = fetch(connection, text)
    if as_json:
        render.print_json(answer.dicts())
    elif as_csv:
        render.print_csv(answer.columns, answer.rows)
    elif answer.columns:
        render.print_table(answer.columns, answer.rows)
        click.echo(render.count(len(answer.rows), "row"), err=True)
