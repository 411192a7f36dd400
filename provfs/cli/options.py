"""The options that commands share, and what they mean.

Contract: `--home` may stand before or after the command; the one nearest to the command's arguments
counts. Not here: options of one command, see `provfs.cli.commands`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from provfs import config
from provfs.log.names import artifact_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["artifact_name", "home_argument", "home_option", "json_option", "settings"]

F = TypeVar("F", bound="Callable[..., Any]")

_HOME = "provfs.cli.home"


def home_option(function: F) -> F:
    """Add `--home DIR`."""
    return click.option(
        "--home",
        metavar="DIR",
        expose_value=False,
        callback=_keep_home,
        help="Home; default: PROVFS_HOME, else the nearest .provfs upwards, else the user's.",
    )(function)


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON instead of a table or tree."
    )(function)


def home_argument() -> str | None:
    """Return what `--home` said on this command line; None where it was not given."""
    home: str | None = click.get_current_context().meta.get(_HOME)
    return home


def settings() -> config.Settings:
    """Return the settings of the home that this command line means.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    return config.resolve(home_argument())


def _keep_home(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_HOME] = value
