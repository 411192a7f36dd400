"""`provfs sync`: bring what waits in journals into the log."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from provfs import ingest as ingestion
from provfs.cli import render
from provfs.cli.options import home_option, json_option, settings
from provfs.errors import ConfigError

if TYPE_CHECKING:
    from provfs.config import Settings
    from provfs.ingest import Compacted, Report, Retention


@click.command()
@home_option
@json_option
@click.option("--compact", is_flag=True, help="Write the log anew, without holes.")
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    metavar="N",
    help="With --compact: let older reads go that led to nothing, and merge the others.",
)
@click.option("--dry-run", is_flag=True, help="With --keep-days: say what would go.")
def command(*, as_json: bool, compact: bool, keep_days: float | None, dry_run: bool) -> None:
    """Bring what captured programs have recorded into the log now.

    Every question does this first; use it to keep the log current for other tools that read it.

    --compact writes the log anew: months of small pieces become one, with the same ids, and the new
    file takes the place of the old one in one step. With --keep-days, older reads after which
    nothing was written go; the others become one row for each execution and version. Edges,
    versions and executions stay, and all answers about them. Journals stay, too: provfs rebuild
    brings everything back.

    \b
    Example:
      provfs sync
      provfs sync --compact --keep-days 90 --dry-run
    """
    _check(compact=compact, keep_days=keep_days, dry_run=dry_run)
    chosen = settings()
    report = ingestion.ingest(chosen)
    done = ingestion.compact(chosen, keep_days=keep_days) if compact and not dry_run else None
    gone = done.retention if done else None
    if dry_run and keep_days is not None:
        gone = ingestion.preview(chosen, keep_days)
    if as_json:
        render.print_json(_as_mapping(chosen, report, done, gone))
        return
    _print(report)
    if gone is not None:
        _print_gone(gone, done)
    if done is not None:
        click.echo(
            f"log written anew: {render.size(done.before_bytes)} before, "
            f"{render.size(done.after_bytes)} now, {done.elapsed_s:.2f} s"
        )


def _check(*, compact: bool, keep_days: float | None, dry_run: bool) -> None:
    if keep_days is not None and not compact:
        msg = "--keep-days needs --compact"
        raise ConfigError(msg, hint="provfs sync --compact --keep-days N")
    if dry_run and keep_days is None:
        msg = "--dry-run needs --keep-days"
        raise ConfigError(msg, hint="provfs sync --compact --keep-days N --dry-run")


def _print(report: Report) -> None:
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


def _print_gone(gone: Retention, done: Compacted | None) -> None:
    moment = dt.datetime.fromtimestamp(gone.before_ns // 10**9, dt.UTC)
    click.echo(f"of {render.count(gone.reads, 'row')} about reads before {render.cell(moment)}:")
    verb = "went" if done else "would go"
    click.echo(f"  {gone.without_effect:,} {verb}: nothing was written after them")
    click.echo(f"  {gone.merged:,} {verb}: the same execution had read the same before")
    if gone.changes:
        click.echo(f"{gone.changes:,} rows about changes {verb}")
    if done is None:
        click.echo("nothing was changed")


def _as_mapping(
    chosen: Settings, report: Report, done: Compacted | None, gone: Retention | None
) -> dict[str, Any]:
    left_out = [{"journal": str(path), "reason": reason} for path, reason in report.unreadable]
    mapping = {"home": str(chosen.home), **report._asdict(), "unreadable": left_out}
    if gone is not None:
        mapping["retention"] = {**gone._asdict(), "dry_run": done is None}
    if done is not None:
        mapping["compacted"] = {
            "before_bytes": done.before_bytes,
            "after_bytes": done.after_bytes,
            "elapsed_s": done.elapsed_s,
        }
    return mapping
