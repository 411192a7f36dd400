"""Resolve the settings once: defaults, then `config.toml`, then the environment, then arguments.

Contract: `resolve` finds the home and reads its configuration; `Settings` travels to child
processes as JSON in `PROVFS_SETTINGS`, so that a captured process parses no TOML. Not here: what
the scope patterns decide, see `provfs.scope`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from provfs.errors import ConfigError

SETTINGS_VARIABLE = "PROVFS_SETTINGS"
HOME_VARIABLE = "PROVFS_HOME"
RUN_VARIABLE = "PROVFS_RUN"
EXECUTION_VARIABLE = "PROVFS_EXECUTION"
PROGRAM_VARIABLE = "PROVFS_PROGRAM"
DISABLED_VARIABLE = "PROVFS_DISABLED"

HOME_NAME = ".provfs"
APPEND_HASH_LIMIT_BYTES = 64 << 20
"""Largest existing file that is hashed when it is opened for appending or in-place change.

Above this the program would wait noticeably (about 10 ms per 64 MiB from the page cache), so that
the digest stays absent, with the reason, and is filled in at ingest if the file is still there."""

_LAST_PORT = 65_535
_WORDS = {
    "attribution": ("strict", "fast"),
    "level": ("auto", "gate", "ledger", "native", "poll"),
}
_LISTS = {("scope", "include"): "include", ("scope", "exclude"): "exclude"}
_INTEGERS = {("hash", "append_limit_bytes"): "append_hash_limit_bytes"}


class AgentSettings(NamedTuple):
    """The section `[agent]` of `config.toml`; captured programs never see it.

    Attributes:
        watch: Directories and urls that are watched where the command line names none.
        attribution: `strict` or `fast`: whether openers may be held for the time that it takes to
            see who they are.
        level: The only way to watch local directories that is tried: `gate`, `ledger`, `native` or
            `poll`; `auto` for the best that can be had.
        ingest_interval_s: Shortest time from the end of an ingest to the next one.
        rescan_interval_s: Time between two comparisons of all files with what is known of them.
        poll_interval_s: Time between two listings where the system tells of no changes.
        requests_per_s: Most listing requests to a remote filesystem.
        metrics_port: Port on the loopback interface for Prometheus; 0 for none.
    """

    watch: tuple[str, ...] = ()
    attribution: str = "strict"
    level: str = "auto"
    ingest_interval_s: float = 0.05
    rescan_interval_s: float = 86_400.0
    poll_interval_s: float = 10.0
    requests_per_s: float = 5.0
    metrics_port: int = 0


class Settings(NamedTuple):
    """What was decided before capture or a command began; never changes in a process.

    `include` and `exclude` are glob patterns over uris and paths; `kinds` maps a glob pattern to a
    kind, tried in order before the built-in ones. `strict` makes capture raise instead of counting
    losses.
    """

    home: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    kinds: tuple[tuple[str, str], ...] = ()
    append_hash_limit_bytes: int = APPEND_HASH_LIMIT_BYTES
    strict: bool = False

    @property
    def journal_directory(self) -> Path:
        """Where captured processes append."""
        return self.home / "journal"

    @property
    def log_path(self) -> Path:
        """The lineage log."""
        return self.home / "lineage.duckdb"

    def to_json(self) -> str:
        """Return the form that `PROVFS_SETTINGS` carries."""
        return json.dumps({**self._asdict(), "home": os.fspath(self.home)})

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: The text is not such a form.
        """
        try:
            fields = json.loads(text)
            return cls(
                home=Path(fields["home"]),
                include=tuple(fields["include"]),
                exclude=tuple(fields["exclude"]),
                kinds=tuple((pattern, kind) for pattern, kind in fields["kinds"]),
                append_hash_limit_bytes=int(fields["append_hash_limit_bytes"]),
                strict=bool(fields["strict"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{SETTINGS_VARIABLE} does not hold provfs settings: {error}"
            raise ConfigError(
                msg, hint=f"unset {SETTINGS_VARIABLE}, or start again with `provfs run`"
            ) from error


def find_home(explicit: str | os.PathLike[str] | None = None, start: Path | None = None) -> Path:
    """Return the home directory, which need not exist yet.

    `explicit`, else `PROVFS_HOME`, else the nearest `.provfs/` from `start` (the working directory)
    upwards, else `provfs` in the user's data directory.
    """
    if explicit is not None:
        return Path(explicit).absolute()
    if from_environment := os.environ.get(HOME_VARIABLE):
        return Path(from_environment).absolute()
    here = (start or Path.cwd()).absolute()
    for directory in (here, *here.parents):
        if (directory / HOME_NAME).is_dir():
            return directory / HOME_NAME
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "provfs"


def resolve(home: str | os.PathLike[str] | None = None) -> Settings:
    """Return the settings for this process.

    Raises:
        ConfigError: `config.toml` cannot be read, or holds an unknown or malformed setting.
    """
    directory = find_home(home)
    return Settings(home=directory, **_read_file(directory / "config.toml"))


def resolve_agent(settings: Settings) -> AgentSettings:
    """Return how the agent of a home is configured.

    Raises:
        ConfigError: `config.toml` cannot be read, or holds an unknown or malformed setting.
    """
    path = settings.home / "config.toml"
    return _agent_settings(_parsed(path).get("agent", {}), path)


def prepare_home(settings: Settings) -> None:
    """Create the home with mode 0700, and its journal directory, where they are missing.

    Raises:
        ConfigError: They cannot be created or written.
    """
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.journal_directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        msg = f"cannot create the home {settings.home}: {error.strerror or error}"
        raise ConfigError(msg, hint="choose another with --home DIR or PROVFS_HOME=DIR") from error
    if not os.access(settings.journal_directory, os.W_OK | os.X_OK):
        msg = f"cannot write in {settings.journal_directory}: permission denied"
        raise ConfigError(
            msg,
            hint="choose another home with --home DIR, or give yourself the right to write there",
        )


def _read_file(path: Path) -> dict[str, Any]:
    """Return the settings that a configuration file holds; nothing where there is no file."""
    return _checked(_parsed(path), path)


def _parsed(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - captured processes never come here and must not pay for it

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        msg = f"cannot read {path}: {error}"
        raise ConfigError(
            msg, hint="mend the file; `provfs init --help` shows an example"
        ) from error


def _checked(document: dict[str, Any], path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for section, content in document.items():
        if not isinstance(content, dict):
            raise _malformed(path, section, "a [section]", content)
        if section == "kinds":
            fields["kinds"] = tuple(_kind_patterns(content, path))
            continue
        if section == "agent":
            _agent_settings(content, path)
            continue
        for key, value in content.items():
            if name := _LISTS.get((section, key)):
                if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
                    raise _malformed(path, f"{section}.{key}", "a list of patterns", value)
                fields[name] = tuple(value)
            elif name := _INTEGERS.get((section, key)):
                if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                    raise _malformed(path, f"{section}.{key}", "a number of bytes", value)
                fields[name] = value
            else:
                known = ", ".join(f"{s}.{k}" for s, k in (*_LISTS, *_INTEGERS))
                msg = f"unknown setting {section}.{key} in {path}"
                raise ConfigError(
                    msg, hint=f"known settings: {known}, kinds.<kind>, agent.<option>"
                )
    return fields


def _agent_settings(content: dict[str, Any], path: Path) -> AgentSettings:
    fields: dict[str, Any] = {}
    for key, value in content.items():
        name = f"agent.{key}"
        if key == "watch":
            if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
                raise _malformed(path, name, "a list of directories and urls", value)
            fields[key] = tuple(value)
        elif key in _WORDS:
            if value not in _WORDS[key]:
                raise _malformed(path, name, f"one of {', '.join(_WORDS[key])}", value)
            fields[key] = value
        elif key == "metrics_port":
            if (
                not isinstance(value, int)
                or isinstance(value, bool)
                or not 0 <= value <= _LAST_PORT
            ):
                raise _malformed(path, name, "a port number, or 0 for none", value)
            fields[key] = value
        elif key in AgentSettings._fields:
            if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                raise _malformed(path, name, "a number above 0", value)
            fields[key] = float(value)
        else:
            known = ", ".join(f"agent.{known}" for known in AgentSettings._fields)
            msg = f"unknown setting {name} in {path}"
            raise ConfigError(msg, hint=f"known settings: {known}")
    return AgentSettings(**fields)


def _kind_patterns(content: dict[str, Any], path: Path) -> list[tuple[str, str]]:
    from provfs.scope import KINDS  # noqa: PLC0415 - scope compiles patterns; only needed with [kinds]

    pairs: list[tuple[str, str]] = []
    for kind, patterns in content.items():
        if kind not in KINDS:
            raise _malformed(path, f"kinds.{kind}", f"one of {', '.join(KINDS)}", kind)
        if not (isinstance(patterns, list) and all(isinstance(item, str) for item in patterns)):
            raise _malformed(path, f"kinds.{kind}", "a list of patterns", patterns)
        pairs.extend((pattern, kind) for pattern in patterns)
    return pairs


def _malformed(path: Path, name: str, expected: str, observed: object) -> ConfigError:
    return ConfigError(
        f"{name} in {path} is {observed!r}; expected {expected}",
        hint="mend the file; `provfs init --help` shows an example",
    )
