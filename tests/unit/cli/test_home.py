"""The quick way to the home finds what the thorough one finds."""

import os
import time
from pathlib import Path

import pytest

from provfs import config
from provfs.cli.home import KEPT_NAME, found_home, prepared_home
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
    prepared = prepared_home(str(tmp_path / name))

    default = Settings(home=Path(prepared.home))
    assert Settings.from_json(prepared.settings) == default == resolve(prepared.home)
    assert prepared.append_hash_limit_bytes == default.append_hash_limit_bytes


CONFIGURATION = """
[scope]
include = ["ümläut, \\"x\\""]
exclude = ["*.tmp", "scratch/"]
[kinds]
model = ["*.weights"]
[hash]
append_limit_bytes = 7
"""


def configure(home, text=CONFIGURATION, *, age_s=60):
    """Write a configuration that has not changed for a while."""
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text, encoding="utf-8")
    return time.time_ns() + age_s * 10**9


@pytest.fixture
def later(monkeypatch):
    """Let a time be now, for what asks how long a file has been still."""
    return lambda now_ns: monkeypatch.setattr(time, "time_ns", lambda: now_ns)


def settings_of(prepared):
    """Return what a child gets, held against what the preload library gets."""
    settings = Settings.from_json(prepared.settings)
    assert (prepared.include, prepared.exclude) == (settings.include, settings.exclude)
    assert prepared.append_hash_limit_bytes == settings.append_hash_limit_bytes
    return settings


@pytest.mark.parametrize("name", ["plain", 'quo"te, ', "back\\slash", "umläut"])
def test_configuration_is_read_and_kept(tmp_path, later, monkeypatch, name):
    """The settings are those of the file, the second time without reading it again."""
    home = tmp_path / name
    later(configure(home))

    first = settings_of(prepared_home(str(home)))
    monkeypatch.setattr(config, "resolve", None)
    second = settings_of(prepared_home(str(home)))

    monkeypatch.undo()
    assert first == second == resolve(home)
    assert first.exclude == ("*.tmp", "scratch/")


def test_changed_configuration_is_read_again(tmp_path, later):
    """What was kept counts for one state of the file only; without a file the defaults do."""
    later(configure(tmp_path))
    prepared_home(str(tmp_path))
    later(configure(tmp_path, CONFIGURATION.replace("*.tmp", "*.tpm")))

    changed = settings_of(prepared_home(str(tmp_path)))
    (tmp_path / "config.toml").unlink()
    removed = settings_of(prepared_home(str(tmp_path)))

    assert changed.exclude == ("*.tpm", "scratch/")
    assert removed == Settings(tmp_path)


@pytest.mark.parametrize("age_s", [1, -60])
def test_young_configuration_is_not_kept(tmp_path, later, age_s):
    """A file that can still change within the same tick of its clock is read each time."""
    later(configure(tmp_path, age_s=age_s))

    prepared_home(str(tmp_path))

    assert not (tmp_path / KEPT_NAME).exists()


def test_pattern_with_a_line_break_is_not_kept(tmp_path, later):
    """What the lines of the kept file cannot hold is read each time."""
    later(configure(tmp_path, '[scope]\nexclude = ["a\\nb"]\n'))

    settings = settings_of(prepared_home(str(tmp_path)))

    assert settings.exclude == ("a\nb",)
    assert not (tmp_path / KEPT_NAME).exists()


@pytest.mark.parametrize("part", [0, 10, 200, -1])
def test_torn_kept_settings_are_made_anew(tmp_path, later, part):
    """Half a kept file is none."""
    later(configure(tmp_path))
    prepared_home(str(tmp_path))
    whole = (tmp_path / KEPT_NAME).read_bytes()
    (tmp_path / KEPT_NAME).write_bytes(whole[:part])

    settings = settings_of(prepared_home(str(tmp_path)))

    assert settings == resolve(tmp_path)
    assert (tmp_path / KEPT_NAME).read_bytes() == whole


def test_wrong_configuration_is_an_error_each_time(tmp_path, later):
    """Only settings that can be used are kept."""
    later(configure(tmp_path, "[scope]\nexclude = 3\n"))

    for _ in range(2):
        with pytest.raises(ConfigError, match=r"scope\.exclude"):
            prepared_home(str(tmp_path))


def test_settings_that_cannot_be_kept_are_used(tmp_path, later):
    """Something in the way of the kept file costs time and nothing else."""
    later(configure(tmp_path))
    (tmp_path / KEPT_NAME).mkdir()

    settings = settings_of(prepared_home(str(tmp_path)))

    assert settings == resolve(tmp_path)
    assert not list(tmp_path.glob(f"{KEPT_NAME}.*"))


def test_home_without_configuration_loads_nothing(tmp_path, monkeypatch):
    """The defaults are known without the module that reads configurations."""
    monkeypatch.setattr(config, "resolve", None)

    prepared_home(str(tmp_path / "new"))
    prepared_home(str(tmp_path / "new"))


def test_home_is_private(tmp_path):
    """A new home can be read by its owner only; one that exists keeps its mode."""
    prepared_home(str(tmp_path / "deep" / "home"))

    assert os.stat(tmp_path / "deep" / "home").st_mode & 0o777 == 0o700


def test_home_that_cannot_be_made(tmp_path):
    """The error is that of the thorough way."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot create the home"):
        prepared_home(str(tmp_path / "file" / "home"))
