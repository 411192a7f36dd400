"""Run the examples of the pages again: `python docs/examples.py [--write]`.

Contract: the pages are one story, in the order of `PAGES`: a block of code whose sentence names a
file is written to it, and every command of a console block runs in the directory that the story is
in, in a home directory that is empty at first. Output is compared without what differs each time
(times, sizes, contents, the user); `--write` puts what really came into the pages instead. Where a
page says that a section changes things, it is run after the others of its page. Not here: whether
commands and options exist, see `tests/architecture/test_docs_commands.py`.
"""

from __future__ import annotations

import contextlib
import difflib
import getpass
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provfs.cli.main import main as provfs

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent
PAGES = ("tutorial.md", "how-to/ask-in-sql.md", "how-to/keep-the-log.md")
PERSON = "/home/ada"
"""Home directory on the pages."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"(^## |\A).*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`([\w.]+\.(?:csv|json|py))`")
_SHELL = re.compile(r"&&|\||;|provfs run|~")
_CHANGES = re.compile(r"^\$ .*provfs run", re.MULTILINE)
_DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b|\b(xxh3-128:)?[0-9a-f]{12,32}\b"), "<digest>"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min)\b"), "<duration>"),
    (re.compile(r"\b\d+(\.\d+)? (B|KiB|MiB|GiB)(?!\w)"), "<size>"),
    (re.compile(r"\b\d+ (record|journal)s?\b"), "<count>"),
    (re.compile(r"\b\d{5,}\b"), "<number>"),
    (re.compile(r"─+"), "─"),
    (re.compile(r"[ \t]+"), " "),
)


class Example(NamedTuple):
    """A command as it stands on a page, and the lines that the page shows after it."""

    command: str
    shown: str
    place: tuple[int, int]


class Outcome(NamedTuple):
    """An example with what came of it now."""

    page: str
    example: Example
    came: str

    @property
    def difference(self) -> str:
        """What differs, as a diff without what differs each time; empty where nothing does."""
        shown, came = (_comparable(self.example, t) for t in (self.example.shown, self.came))
        return "\n".join(difflib.unified_diff(shown, came, "page", "now", lineterm="", n=1))


def run(directory: Path) -> Iterator[Outcome]:
    """Run all pages in a home directory of their own, one after the other."""
    story = Story(directory)
    for page in PAGES:
        yield from story.page(page)


class Story:
    """A person at a shell, of whom the pages tell.

    Args:
        home: The person's home directory; exists and is empty.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._here = home

    def page(self, name: str) -> Iterator[Outcome]:
        """Run the examples of one page, those that only ask before those that change things."""
        text = (DOCS / name).read_text(encoding="utf-8")
        sections = [part.span() for part in _SECTION.finditer(text)]
        if name.startswith("how-to"):
            sections[1:] = sorted(
                sections[1:], key=lambda span: bool(_CHANGES.search(text[slice(*span)]))
            )
        for start, end in sections:
            for block in _BLOCK.finditer(text, start, end):
                kind, content = block.groups()
                sentence = text[start : block.start()].rstrip().rpartition("\n\n")[2]
                if kind == "console":
                    for example in _examples(content, block.start(2)):
                        yield Outcome(name, example, self._run(example.command))
                elif named := _NAMED.findall(sentence):
                    (self._here / named[-1]).write_text(content, encoding="utf-8")

    def _run(self, command: str) -> str:
        words = shlex.split(command)
        if words[0] == "provfs" and not _SHELL.search(command.partition('"')[0]):
            out = self._ask(words[1:])
        else:
            out = self._shell(command)
        shown = out.replace(str(self._home), PERSON).rstrip("\n")
        return f"{shown}\n" if shown else ""

    def _ask(self, words: list[str]) -> str:
        """Run a command of provfs in this process, which is ten times as fast."""
        out = io.StringIO()
        with (
            contextlib.chdir(self._here),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            provfs(words)
        return out.getvalue()

    def _shell(self, command: str) -> str:
        bin_directory = os.path.dirname(sys.executable)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PROVFS_", "COV"))}
        environment |= {
            "HOME": str(self._home),
            "PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["/bin/bash", "-c", f"{command}\nprintf '\\n%s' \"$PWD\""],
            cwd=self._here, env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        out, _, here = done.stdout.rpartition("\n")
        self._here = Path(here)
        return out


def _examples(content: str, offset: int) -> Iterator[Example]:
    """Yield the commands of a console block; one goes on until its quotes are closed."""
    place = 0
    while place < len(content):
        end = place
        while True:
            end = content.index("\n", end) + 1
            command = content[place + 2 : end - 1]
            with contextlib.suppress(ValueError):
                shlex.split(command)
                break
        following = content.find("\n$ ", end - 1)
        stop = len(content) if following < 0 else following + 1
        yield Example(command, content[end:stop], (offset + end, offset + stop))
        place = stop


def _comparable(example: Example, text: str) -> list[str]:
    text = re.sub(rf"\b({re.escape(getpass.getuser())}|root)\b", "<user>", text)
    for pattern, stands_for in _DIFFERS:
        text = pattern.sub(stands_for, text)
    lines = [line.strip() for line in text.splitlines()]
    return sorted(lines) if example.command.startswith("provfs cost") else lines


def _write(outcomes: list[Outcome]) -> None:
    for page in PAGES:
        path = DOCS / page
        text = path.read_text(encoding="utf-8")
        for one in sorted(outcomes, key=lambda o: o.example.place, reverse=True):
            if one.page == page:
                start, end = one.example.place
                text = text[:start] + one.came + text[end:]
        path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run everything; print what differs, or write it."""
    with tempfile.TemporaryDirectory(prefix="examples-") as directory:
        outcomes = list(run(Path(directory).resolve()))
    differing = [one for one in outcomes if one.difference]
    if "--write" in arguments:
        _write(outcomes)
        return 0
    for one in differing:
        sys.stdout.write(f"{one.page}: $ {one.example.command}\n{one.difference}\n\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
