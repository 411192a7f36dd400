"""Where a command line comes in and an exit status goes out.

Contract: `main` never lets an expected error out as a traceback: it prints one message with the
next step on stderr and returns the exit code of the error. `provfs run` takes a path through this
module that loads neither click nor DuckDB, because the user's command waits for it. Not here: the
commands, see `provfs.cli.commands`; how answers look, see `provfs.cli.render`.
"""

from __future__ import annotations

import os
import sys

from provfs.capture.autoload import native
from provfs.errors import ProvfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

BROKEN_PIPE_EXIT_CODE = 141
"""What a shell shows for a program that SIGPIPE ended: 128 + 13."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: Without the name of the program; None for those of this process.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        request = _plain_run(words)
        if request is not None:
            from provfs.cli.launch import launch  # noqa: PLC0415 - only this path needs it

            home, command = request
            return launch(command, home)
        from provfs.cli.group import invoke  # noqa: PLC0415 - loads click, which costs 40 ms

        return _outside_capture(invoke, words)
    except ProvfsError as error:
        _report(error)
        return error.exit_code
    except BrokenPipeError:
        # The reader of a pipe has gone; nothing may be flushed to it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE_EXIT_CODE
    except KeyboardInterrupt:
        return 130


def _plain_run(words: list[str]) -> tuple[str | None, list[str]] | None:
    """Read `[--home DIR] run [--home DIR] [--] COMMAND ...` as (home, command), else None."""
    home: str | None = None
    seen_run = False
    rest = iter(range(len(words)))
    for place in rest:
        word = words[place]
        if word == "--home" and place + 1 < len(words):
            home = words[next(rest)]
        elif word.startswith("--home="):
            home = word.removeprefix("--home=")
        elif not seen_run and word == "run":
            seen_run = True
        elif seen_run and word == "--":
            return (home, words[place + 1 :]) if place + 1 < len(words) else None
        elif seen_run and not word.startswith("-"):
            return home, words[place:]
        else:
            return None
    return None


def _outside_capture(invoke: Callable[[list[str]], int], words: list[str]) -> int:
    """Keep what a question itself reads out of the lineage, also below `provfs run`."""
    recorder = sys.modules.get("provfs.capture.recorder")
    token = None if recorder is None else recorder.inside.set(True)
    native.pause()
    try:
        return invoke(words)
    finally:
        native.resume()
        if recorder is not None:
            recorder.inside.reset(token)


def _report(error: ProvfsError) -> None:
    sys.stderr.write(f"provfs: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  next: {error.hint}\n")


def __getattr__(name: str) -> Any:
    """Load the click group `cli` when it is asked for (the reference page is made from it)."""
    if name == "cli":
        from provfs.cli.group import complete  # noqa: PLC0415 - see above

        return complete()
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
