"""`provfs run`: start a command under capture.

Not here: the work, see `provfs.cli.launch`; this module serves `--help` and unusual command lines.
"""

from __future__ import annotations

import click

from provfs.cli.launch import launch
from provfs.cli.options import home_argument, home_option


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@home_option
@click.argument(
    "words", metavar="[--] COMMAND [ARGUMENT]...", nargs=-1, required=True, type=click.UNPROCESSED
)
def command(words: tuple[str, ...]) -> int:
    """Run COMMAND and record which files it and its children read and wrote.

    Exit status and signals are those of COMMAND, and nothing is added to its output. Python
    programs are seen from inside: plain open() and all fsspec filesystems, without a change to the
    program.

    PROVFS_DISABLED=1 turns capture off.

    \b
    Example:
      provfs run -- python train.py --epochs 3
    """
    return launch(list(words), home_argument())
