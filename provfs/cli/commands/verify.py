"""`provfs verify`: whether log, journals and files agree."""

from __future__ import annotations

import click

from provfs import ingest as ingestion
from provfs.cli import render
from provfs.cli.options import home_option, json_option, settings
from provfs.errors import IntegrityError


@click.command()
@home_option
@json_option
@click.option("--no-files", is_flag=True, help="Compare the log with the journals only.")
@click.option("--seal", metavar="DIGEST", help="Fail unless this is the seal of what was ingested.")
def command(*, as_json: bool, no_files: bool, seal: str | None) -> None:
    """Say whether the log holds what the journals say, and the files what the log says.

    Every journal is compared with the digest that was noted when it was ingested, every stored
    table with a log that is made anew from the journals, and the files with their newest version.
    The exit status is 3 where something disagrees. The seal is one digest of all that was ingested
    so far: keep it elsewhere to show later that nothing was changed since. Records that came late
    and in another order than things happened can be a disagreement until the next rebuild.

    \b
    Example:
      provfs verify
      provfs verify --no-files --json
    """
    result = ingestion.verify(settings(), with_files=not no_files)
    if as_json:
        findings = [finding._asdict() for finding in result.findings]
        render.print_json({**result._asdict(), "findings": findings})
    else:
        for finding in result.findings:
            click.echo(f"{finding.kind}  {finding.what}  {finding.reason}")
        click.echo(
            f"{render.count(result.journals, 'journal')} and {render.count(result.files, 'file')} "
            f"compared; seal {result.seal}"
        )
    if seal is not None and seal != result.seal:
        msg = f"the seal is {result.seal}, not {seal}"
        raise IntegrityError(msg, hint="what was ingested since the seal was noted changes it, too")
    if result.findings:
        msg = f"{render.count(len(result.findings), 'disagreement')} found"
        raise IntegrityError(msg, hint="where only the log is wrong: provfs rebuild")
