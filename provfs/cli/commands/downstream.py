"""`provfs downstream`: what was made from versions, and what from that."""

from __future__ import annotations

from typing import Any

import click

from provfs.cli.walks import answer, walk_options


@click.command()
@walk_options
def command(names: tuple[str, ...], **options: Any) -> None:
    """Show what was made from NAME, directly or through other files.

    NAME is a path, a uri, or the end of one that only one artifact has; NAME@2 is its second
    version, NAME alone all of them. A directory means all that lies below it, and a pattern such as
    '*.csv' all that match. Each line says by which rule the edge was inferred and which execution
    wrote. Files that belong together are one line, with the digest of the whole tree.

    Filters choose what is shown, as a table, of everything that was found.

    \b
    Example:
      provfs downstream raw.csv
      provfs downstream raw.csv@1 --depth 2
      provfs downstream raw.csv --kind model --user ada
    """
    answer(names, upstream=False, **options)
