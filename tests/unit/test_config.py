"""Settings: found, checked, and handed on unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from provfs.config import Settings, find_home, prepare_home, resolve
from provfs.errors import ConfigError


def test_find_home_takes_the_first_that_is_said(monkeypatch, tmp_path):
    """An argument wins over the environment, that over a directory above, that over the user's."""
    project = tmp_path / "project"
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")
    user = Path(find_home())
    (project / ".provfs").mkdir()
    above = find_home()
    monkeypatch.setenv("PROVFS_HOME", str(tmp_path / "env"))

    assert user.name == "provfs"
    assert above == project / ".provfs"
    assert find_home() == tmp_path / "env"
    assert find_home(tmp_path / "said") == tmp_path / "said"


def test_resolve_reads_the_configuration(tmp_path):
    """Patterns, kinds and limits come from config.toml."""
    (tmp_path / "config.toml").write_text(
        '[scope]\ninclude = ["a"]\nexclude = ["b", "c"]\n'
        '[kinds]\nmodel = ["*.bin"]\n[hash]\nappend_limit_bytes = 7\n'
    )

    settings = resolve(tmp_path)

    assert settings == Settings(
        tmp_path, ("a",), ("b", "c"), (("*.bin", "model"),), append_hash_limit_bytes=7
    )


def test_settings_travel_to_children_unchanged(tmp_path):
    """What a child reads from the environment is what the parent resolved."""
    settings = Settings(tmp_path, ("a",), ("b",), (("*.x", "model"),), 9, strict=True)

    assert Settings.from_json(settings.to_json()) == settings
    with pytest.raises(ConfigError, match="PROVFS_SETTINGS"):
        Settings.from_json('{"home": 3}')


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "[scope]\nincluded = []",
        "[scope]\ninclude = 'a'",
        "[scope]\ninclude = [1]",
        "[hash]\nappend_limit_bytes = -1",
        "[hash]\nappend_limit_bytes = true",
        "[kinds]\nmodels = ['*']",
        "[kinds]\nmodel = '*'",
        "scope = 3",
        "[colour]\nx = 1",
    ],
)
def test_resolve_names_what_is_wrong_in_the_configuration(tmp_path, text):
    """A setting that cannot be used is named with its file, and the next step is given."""
    (tmp_path / "config.toml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        resolve(tmp_path)

    assert "config.toml" in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_prepare_home_makes_it_private(tmp_path):
    """The home and its journals can be entered by their owner alone."""
    settings = Settings(tmp_path / "a" / "b")

    prepare_home(settings)
    prepare_home(settings)

    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert settings.journal_directory.stat().st_mode & 0o777 == 0o700


def test_prepare_home_says_where_it_cannot(tmp_path):
    """A home that cannot be made is one clear error."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(ConfigError, match="cannot create the home") as caught:
        prepare_home(Settings(tmp_path / "file" / "home"))

    assert "--home" in caught.value.hint
