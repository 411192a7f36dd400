"""Find the one recorder of this process, and make it where capture is wanted.

Contract: `active` may be called at any time and raises nothing; it answers the same for the life of
the process. Nothing is parsed before it is needed: where `PROVFS_SETTINGS` names a home that
exists, the settings wait for the first file in scope. Not here: what a recorder does, see
`provfs.capture.recorder`; how capture gets into a process, see `provfs.capture.autoload.start`.
"""

from __future__ import annotations

import os

from provfs.capture.recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from provfs.config import Settings

    Rules: TypeAlias = "Settings | PlainSettings"

_active: list[Recorder | None] = []


def active() -> Recorder | None:
    """Return the recorder of this process, made at the first call; None where capture is off."""
    if not _active:
        recorder = None
        try:
            recorder = _start()
        except Exception:  # noqa: BLE001 - an unusable home turns capture off, not the job
            recorder = None
        if not _active:
            _active.append(recorder)
    return _active[0]


def has_started() -> bool:
    """Say whether there is a recorder already."""
    return bool(_active) and _active[0] is not None


def _start() -> Recorder | None:
    environment = os.environ
    if environment.get("PROVFS_DISABLED") == "1":
        return None
    directory = journal_directory_of(environment.get("PROVFS_SETTINGS", ""))
    if directory is None or not os.path.isdir(directory):
        from provfs.config import prepare_home  # noqa: PLC0415 - costs 10 ms in a bare interpreter

        settings = _all_settings()
        prepare_home(settings)
        directory = os.fspath(settings.journal_directory)
    return Recorder(directory, _settings)


def journal_directory_of(settings: str) -> str | None:
    """Return the journal directory in `PROVFS_SETTINGS`; None where that takes a JSON parser."""
    home = _home_of(settings)
    return None if home is None else f"{home}/journal"


class PlainSettings:
    """Settings without patterns, as `provfs.config.Settings` but for what capture does not need."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    strict = False

    def __init__(self, home: str, append_hash_limit_bytes: int) -> None:
        self.home = home
        self.append_hash_limit_bytes = append_hash_limit_bytes


def plain_settings(text: str) -> PlainSettings | None:
    """Read `PROVFS_SETTINGS` without a JSON parser; None where that is not possible.

    Source: that and the module of the settings cost 5 to 15 ms in each captured process.
    """
    home = _home_of(text)
    rest, _, limit = text.rpartition(_LIMIT)
    number = limit.removesuffix(_NOT_STRICT)
    if home is None or not rest.startswith(f"{_BEGIN}{home}{_NO_PATTERNS}"):
        return None
    return PlainSettings(home, int(number)) if number.isdigit() and number != limit else None


_BEGIN = '{"home": "'
_NO_PATTERNS = '", "include": [], "exclude": [], "kinds": '
_LIMIT = '"append_hash_limit_bytes": '
_NOT_STRICT = ', "strict": false}'


def _home_of(settings: str) -> str | None:
    if not settings.startswith(_BEGIN):
        return None
    home = settings[len(_BEGIN) :].partition('"')[0]
    return None if "\\" in home else home


def _settings() -> Rules:
    text = os.environ.get("PROVFS_SETTINGS")
    plain = plain_settings(text) if text else None
    return _all_settings() if plain is None else plain


def _all_settings() -> Settings:
    from provfs import config  # noqa: PLC0415 - costs 10 ms in a bare interpreter

    text = os.environ.get(config.SETTINGS_VARIABLE)
    return config.Settings.from_json(text) if text else config.resolve()
