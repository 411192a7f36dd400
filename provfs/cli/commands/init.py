"""`provfs init`: make a home for a project."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from provfs import config
from provfs.cli.options import home_argument, home_option
from provfs.errors import ConfigError


@click.command()
@home_option
def command() -> None:
    """Make a home in this directory: ./.provfs, with a configuration file that explains itself.

    Programs that are started from here or below then record into it. What is there already stays as
    it is.

    \b
    Example:
      provfs init
      provfs init --home /data/lineage
    """
    home = Path(home_argument() or config.HOME_NAME).absolute()
    config.prepare_home(config.Settings(home=home))
    path = home / "config.toml"
    existed = path.exists()
    if not existed:
        try:
            path.write_text(_example(), encoding="utf-8")
        except OSError as error:
            msg = f"cannot write {path}: {error.strerror or error}"
            raise ConfigError(msg, hint="choose another home with --home DIR") from error
    config.resolve(home)
    click.echo(f"{'there already' if existed else 'made'}: {home}")
    click.echo("next: provfs run -- COMMAND", err=True)


def _example() -> str:
    return files("provfs.cli").joinpath("config.example.toml").read_text(encoding="utf-8")
