"""The options that commands share, and what they mean.

Contract: `--home` may stand before or after the command; the one nearest to the command's arguments
counts. Not here: options of one command, see `provfs.cli.commands`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provfs import config
from provfs.model import uri_of_path

if TYPE_CHECKING:
    from collections.abc import Callable

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


def artifact_name(text: str) -> str:
    """Return what the macros of the log understand for a name that a person typed.

    A path of something on disk, and any absolute or dotted path, becomes the uri of its real path;
    a uri and a suffix stay. `@N` at the end stays in all cases. A directory, and what ends in `/`,
    becomes a name that ends in `/`, and means all that lies below; so do patterns with `*` and `?`.
    """
    name, at, ordinal = text.rpartition("@")
    if not (at and ordinal.isdigit()) or os.path.lexists(text):
        name, at, ordinal = text, "", ""
    name = name.removeprefix("prov::")
    below = "/" if name.endswith("/") or os.path.isdir(name) else ""
    if "://" not in name and (
        os.path.lexists(name) or name.startswith(("/", "./", "../", "~/")) or name == ".."
    ):
        name = uri_of_path(os.path.realpath(os.path.expanduser(name)))
        name = name.rstrip("/") + below
    return f"{name}{at}{ordinal}"


def _keep_home(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_HOME] = value
