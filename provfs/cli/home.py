"""Find and prepare the home for `provfs run`, without loading what that rarely needs.

Contract: the same home, the same settings and the same errors as `provfs.config`, which does the
work wherever there is a `config.toml` or something is wrong; tests hold the two against each other.
Source: `provfs.config` costs 13 ms to import, of the 40 ms that `provfs run` may cost.
"""

from __future__ import annotations

import os

from provfs.capture.lines import quoted

DEFAULTS = (
    '"include": [], "exclude": [], "kinds": [], '
    '"append_hash_limit_bytes": 67108864, "strict": false'
)


def prepared_home(explicit: str | None) -> tuple[str, str]:
    """Return the path of the home, which now exists, and the settings as JSON.

    Args:
        explicit: What `--home` said; None to look for it.

    Raises:
        ConfigError: The home cannot be made or written, or its configuration cannot be used.
    """
    path = found_home(explicit)
    if os.path.exists(f"{path}/config.toml") or not _prepare(path):
        from provfs import config  # noqa: PLC0415 - see above

        config.prepare_home(config.Settings(config.find_home(path)))
        return path, config.resolve(path).to_json()
    return path, f'{{"home": {quoted(path)}, {DEFAULTS}}}'


def found_home(explicit: str | None) -> str:
    """Return what `provfs.config.find_home` returns."""
    if explicit is None:
        explicit = os.environ.get("PROVFS_HOME") or None
    if explicit is not None:
        return os.path.join(os.getcwd(), explicit).rstrip("/") or "/"
    directory = os.getcwd()
    while True:
        candidate = os.path.join(directory, ".provfs")
        if os.path.isdir(candidate):
            return candidate
        above = os.path.dirname(directory)
        if above == directory:
            break
        directory = above
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "provfs")


def _prepare(path: str) -> bool:
    """Make the home and its journal directory; False where that is not possible."""
    journal = f"{path}/journal"
    try:
        if not os.path.isdir(journal):
            if not os.path.isdir(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.mkdir(path, 0o700)
            os.mkdir(journal, 0o700)
    except OSError:
        return False
    return os.access(journal, os.W_OK | os.X_OK)
