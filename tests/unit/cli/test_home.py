"""The quick way to the home finds what the thorough one finds."""

import os
from pathlib import Path

import pytest

from provfs.cli.home import found_home, prepared_home
from provfs.config import Settings, find_home, resolve
from provfs.errors import ConfigError


@pytest.mark.parametrize("explicit", [None, "there", "/absolute/there", "../there/", "a//b"])
@pytest.mark.parametrize("variable", [None, "from/variable"])
@pytest.mark.parametrize("project", [None, ".", ".."])
def test_same_home(monkeypatch, work, explicit, variable, project):
    """Argument, variable, project and user's directory count in the same order."""
    if variable:
        monkeypatch.setenv("PROVFS_HOME", variable)
    if project:
        (work / project / ".provfs").mkdir()
    inner = work / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)

    assert Path(found_home(explicit)) == find_home(explicit)


def test_same_home_of_the_user(monkeypatch, work):
    """Without anything else it lies in the user's data directory."""
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(work))

    assert Path(found_home(None)) == find_home(None)


@pytest.mark.parametrize("name", ["plain", 'quo"te', "back\\slash", "umläut", "tab\t"])
def test_same_settings(tmp_path, name):
    """Without a configuration the settings are the defaults, whatever the directory is called."""
    path, text = prepared_home(str(tmp_path / name))

    assert Settings.from_json(text) == Settings(home=Path(path)) == resolve(path)


def test_configuration_is_read(tmp_path):
    """With a configuration the settings are those of the file."""
    (tmp_path / "config.toml").write_text('[scope]\nexclude = ["*.tmp"]\n')

    _, text = prepared_home(str(tmp_path))

    assert Settings.from_json(text) == resolve(tmp_path)


def test_home_is_private(tmp_path):
    """A new home can be read by its owner only; one that exists keeps its mode."""
    prepared_home(str(tmp_path / "deep" / "home"))

    assert os.stat(tmp_path / "deep" / "home").st_mode & 0o777 == 0o700


def test_home_that_cannot_be_made(tmp_path):
    """The error is that of the thorough way."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot create the home"):
        prepared_home(str(tmp_path / "file" / "home"))
