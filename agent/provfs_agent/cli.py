"""The commands of the agent: `watch` in the foreground, `once` for cron, `status` for people.

Contract: `main` never lets an expected error out as a traceback: one message with the next step on
stderr, and the exit code of `docs/reference/exit-codes.md`. Not here: what the agent does, see
`provfs_agent.service`.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from provfs import __version__
from provfs.cli import render
from provfs.cli.options import home_option, json_option, settings
from provfs.errors import ConfigError, ProvfsError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEGRADED = 1
NOT_RUNNING = 13
_SILENT_S = 60.0
"""A status that is older is not that of now: one is written each ten seconds."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="provfs-agent", message="%(prog)s %(version)s")
@home_option
def cli() -> None:
    """Know what happens to data and model files, whichever program does it.

    Left running, the agent records changes of files below the directories that it watches, and
    where the kernel says who caused them, the accesses of every program.

    \b
    Example:
      provfs-agent watch data models
    """


@cli.command()
@click.argument("roots", nargs=-1, metavar="[DIR|URL]...")
@home_option
def watch(roots: tuple[str, ...]) -> int:
    """Watch directories and urls until a signal ends it.

    Without arguments, those of `config.toml`. SIGHUP reads the configuration again, SIGTERM ends in
    order. Lines on stderr are JSON.

    \b
    Example:
      provfs-agent watch data models
    """
    from provfs_agent.backends import choose  # noqa: PLC0415 - only this command watches
    from provfs_agent.service.run import watch as serve  # noqa: PLC0415

    return serve(settings(), roots, choose)


@cli.command()
@click.argument("roots", nargs=-1, metavar="[DIR]...")
@home_option
@json_option
def once(roots: tuple[str, ...], *, as_json: bool) -> int:
    """Find out what changed since the last time, record it, and end.

    For cron, where nothing may run all the time: it sees the last state of each file and neither
    who made it nor what was in between.

    \b
    Example:
      provfs-agent once data models
    """
    from provfs_agent.service.run import once as look  # noqa: PLC0415

    facts = look(settings(), roots)
    if as_json:
        render.print_json(facts)
    else:
        click.echo(
            f"{render.count(facts['records'], 'record')} written, "
            f"{render.count(facts['hashed_files'], 'file')} hashed "
            f"({render.size(facts['hashed_bytes'])})"
        )
    return DEGRADED if facts["lost_records"] else 0


@cli.command()
@home_option
@json_option
def status(*, as_json: bool) -> int:
    """Say what the agent of this home watches, how well, and what it lost.

    Ends with 0 where all is well, 1 where something is wrong, 13 where no agent runs.

    \b
    Example:
      provfs-agent status
    """
    from provfs_agent.service.only_one import running_agent  # noqa: PLC0415
    from provfs_agent.service.status import read_status  # noqa: PLC0415

    home = settings().home
    who = running_agent(home)
    facts = {"home": str(home), "running": who is not None, **read_status(home)}
    if who is not None and facts.get("pid") != who.get("pid"):
        facts = {"home": str(home), "running": True, **who, "roots": [], "problems": []}
    elif who is not None and (silent_s := time.time() - facts.get("at", 0.0)) > _SILENT_S:
        silent = f"the agent has written no status for {silent_s:.0f} s; is the disk full?"
        facts["problems"] = [*facts.get("problems", []), silent]
    if as_json:
        render.print_json(facts)
    else:
        _print(facts)
    if not facts["running"]:
        return NOT_RUNNING
    return DEGRADED if facts.get("problems") else 0


def _print(facts: dict[str, Any]) -> None:
    running = "no agent runs"
    if facts["running"]:
        since = render.duration(time.time() - facts.get("started", time.time()))
        running = f"process {facts.get('pid')}, for {since}"
    elif "ended" in facts:
        running += f"; the last one ended {render.duration(time.time() - facts['ended'])} ago"
    age = facts.get("log_age_s")
    render.print_fields({"home": facts["home"], "agent": running})
    if not facts["running"] or "events" not in facts:
        return
    render.print_fields(
        {
            "events": f"{facts['events']:,}, the last taken {facts['lag_s'] * 1000:.0f} ms late",
            "files": f"{facts['settling']:,} changing, {facts['waiting']:,} to be told, "
            f"{facts['to_look_at']:,} to be looked at",
            "hashed": f"{render.count(facts['hashed_files'], 'file')}, "
            f"{render.size(facts['hashed_bytes'])}; {facts['hashing']:,} wait; "
            f"{facts['unsettled']:,} did not stand still",
            "journal": f"{facts['records']:,} records, {facts['lost_records']:,} lost, "
            f"{facts['gaps']:,} gaps",
            "log": "not written yet" if age is None else f"written {render.duration(age)} ago",
        }
    )
    for root in facts["roots"]:
        _print_root(root)
    for problem in facts["problems"]:
        click.secho(f"problem: {problem}", fg="red")


def _print_root(root: dict[str, Any]) -> None:
    if not root["watched"]:
        click.echo(f"{root['root']}: not watched, {root['problem']}")
        return
    limit = "" if root["marks_limit"] is None else f" of {root['marks_limit']:,}"
    reads = "reads are seen" if root["reads_visible"] else "reads are not seen"
    click.echo(f"{root['root']}: level {root['level']}, {root['back_end']}")
    click.echo(
        f"  who did it: {root['attribution']}; {reads}; {root['marks']:,}{limit} marks; "
        f"{root['queue']:,} events wait, {root['lost']:,} lost"
    )
    for line in (*(f"not {refused}" for refused in root["refused"]), *root["holes"]):
        click.echo(f"  {line}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: Without the name of the program; None for those of this process.

    Returns:
        The exit status.
    """
    try:
        return _invoke(list(sys.argv[1:] if arguments is None else arguments))
    except ProvfsError as error:
        sys.stderr.write(f"provfs-agent: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  next: {error.hint}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _invoke(words: list[str]) -> int:
    try:
        result = cli.main(args=words, prog_name="provfs-agent", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ConfigError.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "provfs-agent"
        raise ConfigError(error.format_message(), hint=f"{path} --help") from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
    return result if isinstance(result, int) else 0
