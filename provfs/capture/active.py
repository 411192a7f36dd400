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
    from provfs.config import Settings

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


def _start() -> Recorder | None:
    environment = os.environ
    if environment.get("PROVFS_DISABLED") == "1":
        return None
    directory = journal_directory_of(environment.get("PROVFS_SETTINGS", ""))
    if directory is None or not os.path.isdir(directory):
        from provfs.config import prepare_home  # noqa: PLC0415 - costs 10 ms in a bare interpreter

        settings = _settings()
        prepare_home(settings)
        directory = os.fspath(settings.journal_directory)
    return Recorder(directory, _settings)


def journal_directory_of(settings: str) -> str | None:
    """Return the journal directory in `PROVFS_SETTINGS`; None where that takes a JSON parser."""
    prefix = '{"home": "'
    if not settings.startswith(prefix):
        return None
    home = settings[len(prefix) :].partition('"')[0]
    return None if "\\" in home else f"{home}/journal"


def _settings() -> Settings:
    from provfs import config  # noqa: PLC0415 - costs 10 ms in a bare interpreter

    text = os.environ.get(config.SETTINGS_VARIABLE)
    return config.Settings.from_json(text) if text else config.resolve()
