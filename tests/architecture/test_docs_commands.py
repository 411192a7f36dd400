"""Commands that people are told to type exist, with the options that the page shows."""

import re
import shlex
from pathlib import Path

import click
import pytest

from provfs.cli.main import cli
from provfs_agent.cli import cli as agent

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in (
        "README.md",
        "CONTRIBUTING.md",
        "agent/*.md",
        "docs/tutorial.md",
        "docs/how-to/*.md",
    )
    for path in ROOT.glob(pattern)
)
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _typed(path):
    """Yield the commands on a page: lines of code blocks, and code in sentences."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", sentences)]:
        command = line.strip().removeprefix("$ ")
        if re.match(r"(provfs|provfs-agent|make) [\w-]", command):
            yield command


COMMANDS = [
    pytest.param(command, id=f"{path.name}: {command}")
    for path in PAGES
    for command in dict.fromkeys(_typed(path))
]


def test_pages_show_commands():
    """The README is there and shows the two commands of the set-up."""
    shown = [_words(command) for command in _typed(ROOT / "README.md")]

    assert ["make", "demo"] in shown
    assert ["make", "test"] in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_shown_command_exists(command):
    """A command on a page is a chore of the Makefile, or one of provfs or of its agent."""
    words = _words(command)

    if words[0] == "make":
        chores = [word for word in words[1:] if "=" not in word]
        assert set(chores) <= TARGETS
    else:
        _check_command(agent if words[0] == "provfs-agent" else cli, words[1:])


def _words(command):
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quoted argument that goes on in the next line
        return command.split()


def _check_command(command, words):
    """Walk down the groups, then check each option up to `--` or the next command of the shell."""
    rest = iter(words)
    for word in rest:
        if word == "--" or set(word) <= set("|&;<>"):
            return
        if word.startswith("-"):
            name, equals, _ = word.partition("=")
            option = _options(command).get(name)
            assert option is not None
            if not (option.is_flag or option.count or equals):
                next(rest, None)
        elif isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word)
            assert command is not None


def _options(command):
    parameters = command.get_params(click.Context(command))
    return {
        name: parameter
        for parameter in parameters
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
