"""The group of commands: names in the order in which people meet them, each loaded when it is used.

Contract: a command is the function `command` of the module with its name in `provfs.cli.commands`.
Not here: the path of a plain `provfs run`, see `provfs.cli.main`.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

import click

from provfs import __version__
from provfs.cli.options import home_option
from provfs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "init", "run", "upstream", "downstream", "history", "show", "diff", "usage", "impact", "stale",
    "reproducible", "reusable", "deletable", "unattributed", "cost", "sql", "status", "sync",
    "verify", "rebuild", "demo",
)  # fmt: skip


class _Commands(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - given by click
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            module = importlib.import_module(f"provfs.cli.commands.{cmd_name}")
            self.add_command(module.command, cmd_name)
        return self.commands.get(cmd_name)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="provfs", message="%(prog)s %(version)s")
@home_option
@click.pass_context
def cli(context: click.Context) -> None:
    """Know which version of which data made a model, without a tracking call.

    Start a program under `provfs run`; what it read before what it wrote is then a question away.

    \b
    Example:
      provfs run -- python train.py
      provfs upstream model.joblib
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


def complete() -> click.Group:
    """Return the group with all its commands loaded."""
    context = click.Context(cli, info_name="provfs")
    for name in COMMANDS:
        cli.get_command(context, name)
    return cli


def invoke(words: Sequence[str]) -> int:
    """Run a command line and return its exit status.

    Raises:
        ConfigError: It names no command, or an option that the command does not have.
        ProvfsError: What the command raised.
    """
    try:
        result = cli.main(args=list(words), prog_name="provfs", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ConfigError.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "provfs"
        raise ConfigError(error.format_message(), hint=f"{path} --help") from error
    except click.ClickException as error:
        raise ConfigError(error.format_message()) from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
    return result if isinstance(result, int) else 0
