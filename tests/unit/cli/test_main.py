"""The command line as a whole: help, names of things, how little is loaded."""

import subprocess
import sys

import click
import pytest

from provfs import __version__
from provfs.cli.group import COMMANDS
from provfs.cli.main import cli
from provfs.cli.options import artifact_name


def test_version(provfs):
    """The version stands alone on one line."""
    assert provfs("--version") == (0, f"provfs {__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(provfs, name):
    """Help says what a command does and shows it."""
    status, out, _ = provfs(name, "--help")

    assert status == 0
    assert f"provfs {name}" in out.partition("Example:")[2]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"init", "run", "demo"}))
def test_every_command_that_prints_data_has_json(name):
    """Data can be read by programs."""
    options = {option for parameter in cli.commands[name].params for option in parameter.opts}

    assert "--json" in options


def test_group_is_complete():
    """The group that the reference page is made from knows every command."""
    assert isinstance(cli, click.Group)
    assert set(cli.commands) == set(COMMANDS)


def test_bare_command_shows_help(provfs):
    """Without a command there is help, and an exit status that says that nothing was done."""
    status, out, _ = provfs()

    assert status == 2
    assert "upstream" in out


def test_home_may_stand_before_or_after_the_command(provfs, tmp_path):
    """`--home` is an option of the group and of every command."""
    before = provfs("--home", tmp_path / "a", "status")
    after = provfs("status", "--home", tmp_path / "a")

    assert before == after
    assert str(tmp_path / "a") in before[1]


def test_init_is_idempotent_and_keeps_the_configuration(provfs, work):
    """A second init changes nothing, and the commented example is a valid configuration."""
    first = provfs("init")
    path = work / ".provfs" / "config.toml"
    kept = path.read_text() + "# mine\n"
    path.write_text(kept)
    second = provfs("init")

    assert (first[0], second[0]) == (0, 0)
    assert path.read_text() == kept


def test_names_of_things_on_disk_become_uris(work):
    """A path that exists is its real path; `@2` stays, unless it is part of the name."""
    (work / "data.csv").write_text("")
    (work / "odd@2").write_text("")
    (work / "link").symlink_to("data.csv")
    uri = f"file://{work}/data.csv"

    assert artifact_name("data.csv") == uri
    assert artifact_name("data.csv@2") == f"{uri}@2"
    assert artifact_name("link@1") == f"{uri}@1"
    assert artifact_name("odd@2") == f"file://{work}/odd@2"
    assert artifact_name("./gone.csv") == f"file://{work}/gone.csv"
    assert artifact_name("gone.csv@3") == "gone.csv@3"
    assert artifact_name("s3://bucket/key@1") == "s3://bucket/key@1"
    assert artifact_name("prov::s3://bucket/key") == "s3://bucket/key"


def test_run_loads_neither_click_nor_duckdb(tmp_path):
    """What a command waits for at its start is small."""
    code = (
        "import sys\nfrom provfs.cli.main import main\n"
        f"main(['run', '--home', {str(tmp_path)!r}, '--', 'true'])\nprint(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {"click", "duckdb", "fsspec", "msgspec", "tomllib", "pathlib", "typing", "json"}
    assert not heavy & set(loaded)
