"""Find and prepare the home for `provfs run`, without loading what that rarely needs.

Contract: the same home, the same settings and the same errors as `provfs.config`, which does the
work wherever something is new or wrong; tests hold the two against each other. What it made of a
`config.toml` is kept beside that file, under the state of the file and of the code that read it,
and only once the file has been still for longer than clocks of filesystems are coarse.
Source: `provfs.config` and `tomllib` cost 19 ms to load, of the 40 ms that `provfs run` may cost.
"""

from __future__ import annotations

import os

from provfs.capture.lines import quoted

KEPT_NAME = "settings.cache"
"""Lines: state, JSON without the home, limit, number of patterns to include, patterns, `_END`."""
_FIXED_LINES = 4
_END = "end"
_NOWHERE = "/"
_STILL_NS = 2_000_000_000
_DEFAULT_LIMIT_BYTES = 67_108_864
_DEFAULTS = (
    f'"include": [], "exclude": [], "kinds": [], '
    f'"append_hash_limit_bytes": {_DEFAULT_LIMIT_BYTES}, "strict": false}}'
)


class Prepared:
    """A home that exists, with its settings.

    `settings` is what `PROVFS_SETTINGS` carries; the other attributes are those of
    `provfs.config.Settings`.
    """

    def __init__(
        self,
        home: str,
        rest: str = _DEFAULTS,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        append_hash_limit_bytes: int = _DEFAULT_LIMIT_BYTES,
    ) -> None:
        self.home = home
        self.settings = f'{{"home": {quoted(home)}, {rest}'
        self.include = include
        self.exclude = exclude
        self.append_hash_limit_bytes = append_hash_limit_bytes


def prepared_home(explicit: str | None) -> Prepared:
    """Return the home, which now exists, and its settings.

    Args:
        explicit: What `--home` said; None to look for it.

    Raises:
        ConfigError: The home cannot be made or written, or its configuration cannot be used.
    """
    path = found_home(explicit)
    usable = _prepare(path)
    if usable and not os.path.lexists(f"{path}/config.toml"):
        return Prepared(path)
    state = _state(f"{path}/config.toml")
    kept = _kept(path, state) if usable and state else None
    if kept is not None:
        return kept
    from pathlib import Path  # noqa: PLC0415 - see above

    from provfs import config  # noqa: PLC0415 - likewise

    config.prepare_home(config.Settings(config.find_home(path)))
    settings = config.resolve(path)
    rest = (
        settings._replace(home=Path(_NOWHERE)).to_json().removeprefix(f'{{"home": "{_NOWHERE}", ')
    )
    patterns = settings.include, settings.exclude
    if state:
        _keep(path, state, rest, patterns, settings.append_hash_limit_bytes)
    return Prepared(path, rest, *patterns, settings.append_hash_limit_bytes)


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


def _state(path: str) -> str:
    """Return what tells this state of a file, and of the code that reads it, from all others."""
    code = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "config.py")
    try:
        stats = os.stat(path), os.stat(code)
    except OSError:
        return ""
    return " ".join(
        f"{s.st_dev}:{s.st_ino}:{s.st_size}:{s.st_mtime_ns}:{s.st_ctime_ns}" for s in stats
    )


def _kept(home: str, state: str) -> Prepared | None:
    """Return the settings that were kept for this state; None where there are none."""
    try:
        with open(f"{home}/{KEPT_NAME}", encoding="utf-8", newline="\n") as file:
            lines = file.read().split("\n")
        if lines[0] != state or lines[-1] != _END:
            return None
        included = int(lines[3]) + _FIXED_LINES
        patterns = tuple(lines[_FIXED_LINES:included]), tuple(lines[included:-1])
        return Prepared(home, lines[1], *patterns, int(lines[2]))
    except (OSError, ValueError, IndexError):
        return None


def _keep(
    home: str,
    state: str,
    rest: str,
    patterns: tuple[tuple[str, ...], tuple[str, ...]],
    limit_bytes: int,
) -> None:
    """Keep settings for the next start, where the file cannot change and look the same.

    A home that cannot be written is no trouble: its settings are made anew each time.
    """
    import time  # noqa: PLC0415 - only where a configuration is new

    include, exclude = patterns
    lines = [state, rest, str(limit_bytes), str(len(include)), *include, *exclude, _END]
    scratch = f"{home}/{KEPT_NAME}.{os.getpid()}"
    try:
        changed_ns = os.stat(f"{home}/config.toml").st_ctime_ns
        is_still = time.time_ns() - changed_ns - _STILL_NS >= 0
        if not is_still or state != _state(f"{home}/config.toml") or "\n" in "".join(lines):
            return
        with open(scratch, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines))
        os.replace(scratch, f"{home}/{KEPT_NAME}")
    except (OSError, ValueError):
        if os.path.lexists(scratch):
            os.unlink(scratch)
