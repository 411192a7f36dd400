"""`provfs rebuild`: make the log anew from the journals."""

from __future__ import annotations

import click

from provfs import ingest as ingestion
from provfs.cli import render
from provfs.cli.options import home_option, json_option, settings


@click.command()
@home_option
@json_option
def command(*, as_json: bool) -> None:
    """Make the log anew from all journals, and put it in the place of the old one.

    The journals are the facts; everything in the log follows from them. Do this where `provfs
    verify` finds the log wrong, or where records came late and in another order than things
    happened. Nothing is changed where a journal is missing that the old log was made from. Ids of
    versions and executions are given anew.

    \b
    Example:
      provfs rebuild
    """
    report = ingestion.rebuild(settings())
    if as_json:
        render.print_json(
            {
                "records": report.records,
                "journals": report.journals,
                "broken": report.broken,
                "elapsed_s": report.elapsed_s,
            }
        )
        return
    click.echo(
        f"{render.count(report.records, 'record')} from "
        f"{render.count(report.journals, 'journal')}, {report.elapsed_s:.2f} s"
    )
