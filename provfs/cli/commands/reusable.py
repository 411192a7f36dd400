"""`provfs reusable`: whether something was computed already."""

from __future__ import annotations

from typing import Any

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, settings
from provfs.cli.tables import Column, form_options, print_answer
from provfs.queries import lineage
from provfs.queries.reuse import find_run

NO_EXIT_CODE = 1
"""The answer is no."""


def _output(row: Any) -> str | None:
    if row["output_uri"] is None:
        return None
    return tree.named(row["output_uri"], row["output_ordinal"])


_PACKAGES = {True: "the same", False: "others", None: "not compared"}
_COLUMNS = (
    Column("output", _output),
    Column("digest", lambda row: render.digest(row["output_digest"])),
    Column("state", lambda row: "current" if row["is_current"] else "past"),
    Column("computed", lambda row: row["started_at"]),
    Column("user", lambda row: row["user_name"]),
    Column("packages", lambda row: _PACKAGES[row.get("same_packages")]),
    Column("by", lambda row: tree.via(row["execution_id"], row["command"])),
)


@click.command(context_settings={"ignore_unknown_options": True})
@home_option
@form_options
@click.argument("words", metavar="NAME | -- COMMAND...", nargs=-1, required=True)
def command(words: tuple[str, ...], *, as_csv: bool, as_json: bool) -> int:
    """Say whether NAME, or what COMMAND would make, was computed already.

    For NAME: other runs of the same script on inputs of the same content, and whether the same
    packages were installed. For COMMAND, which is not run: an earlier run of the same words here,
    whose script and inputs still have the content that they had then; inputs are looked at on the
    disk, packages are not. What is random or reads what was not seen may come out differently. Ends
    with 0 where something is found and with 1 where nothing is.

    \b
    Example:
      provfs reusable model.joblib
      provfs reusable -- python train.py || provfs run -- python train.py
    """
    with fresh_log(settings()) as connection:
        if len(words) == 1:
            answer = lineage.ask(connection, "reusable", artifact_name(words[0]))
            reason = "no other run of this code on these contents is known"
        else:
            found = find_run(connection, words)
            answer, reason = found.answer, found.reason
    print_answer(answer, _COLUMNS, as_csv=as_csv, as_json=as_json)
    if not answer.rows:
        click.echo(reason, err=True)
    return 0 if answer.rows else NO_EXIT_CODE
