"""`provfs sync`: bring what waits in journals into the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provfs import ingest as ingestion
from provfs.cli import render
from provfs.cli.options import home_option, json_option, settings

if TYPE_CHECKING:
    from provfs.ingest import Report


@click.command()
@home_option
@json_option
def command(*, as_json: bool) -> None:
    """Bring what captured programs have recorded into the log now.

    Every question does this first; use it to keep the log current for other tools that read it.

    \b
    Example:
      provfs sync
    """
    chosen = settings()
    report = ingestion.ingest(chosen)
    if as_json:
        render.print_json({"home": str(chosen.home), **_as_mapping(report)})
        return
    click.echo(
        f"{render.count(report.records, 'record')} from "
        f"{render.count(report.journals, 'journal')}, {report.elapsed_s:.2f} s"
    )
    for unreadable in report.unreadable:
        click.echo(f"left out {unreadable.path}: {unreadable.reason}", err=True)
    if report.broken:
        click.echo(
            f"{render.count(report.broken, 'broken line')} left out; each stands in the view gaps",
            err=True,
        )


def _as_mapping(report: Report) -> dict[str, Any]:
    left_out = [{"journal": str(path), "reason": reason} for path, reason in report.unreadable]
    return {**report._asdict(), "unreadable": left_out}
