"""`provfs upstream`: what versions were made from, and what that was made from."""

from __future__ import annotations

from typing import Any

import click

from provfs.cli.walks import answer, walk_options


@click.command()
@walk_options
def command(names: tuple[str, ...], **options: Any) -> None:
    """Show which versions of which data made NAME.

    NAME is a path, a uri, or the end of one that only one artifact has; NAME@2 is its second
    version, NAME alone the newest. A directory means all that lies below it, and a pattern such as
    '*.joblib' all that match. Each line says by which rule the edge was inferred and which
    execution wrote. Files that belong together are one line, with the digest of the whole tree.

    Filters choose what is shown, as a table, of everything that was found.

    \b
    Example:
      provfs upstream model.joblib
      provfs upstream model.joblib@1 --flat
      provfs upstream models/ --kind dataset --csv
      provfs upstream model.joblib --mermaid
    """
    answer(names, upstream=True, **options)
