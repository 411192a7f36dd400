"""`provfs downstream`: what was made from a version, and what from that."""

from __future__ import annotations

import click

from provfs.cli import tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, json_option, settings


@click.command()
@click.argument("name")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Show at most N steps.")
@click.option("--flat", is_flag=True, help="Print a table with every version instead of a tree.")
@home_option
@json_option
def command(name: str, *, depth: int | None, flat: bool, as_json: bool) -> None:
    """Show what was made from NAME, directly or through other files.

    NAME is a path, a uri, or the end of one that only one artifact has; NAME@2 is its second
    version, NAME alone all of them. Each line says by which rule the edge was inferred and which
    execution wrote.

    \b
    Example:
      provfs downstream raw.csv
      provfs downstream raw.csv@1 --depth 2
    """
    form = "json" if as_json else "flat" if flat else "tree"
    with fresh_log(settings()) as connection:
        tree.print_lineage(connection, artifact_name(name), upstream=False, depth=depth, form=form)
