"""The SQL text that makes up the log: stored tables, rules, public views, macros.

Contract: `tables()` is run once, when a log is made; `derived()` is run again whenever the text has
changed since the log was last opened for writing, so that improved rules reach old logs. The rule
files of `provfs/inference` are read here as data, because the views stand on them. Not here: steps
from one format of the tables to the next, see `provfs/log/migrations`.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

FORMAT = 5
"""Number of the table layout. Raised together with a file in `migrations`."""

_RULES = (
    *("contexts", "same_process", "worker", "pipe", "peer", "parent", "child", "processes"),
    *("window", "pairs"),
)
_SURFACE = ("views", "macros", "walks/stale", "questions", "remaking")


def tables() -> str:
    """Return the statements that make the stored tables of the present format."""
    return _text("provfs.log", "schema.sql")


def derived() -> str:
    """Return the statements that make rules, views and macros; they replace what is there."""
    rules = [_text("provfs.inference", f"{rule}.sql") for rule in _RULES]
    views, *surface = [_text("provfs.log", f"{name}.sql") for name in _SURFACE]
    return "\n".join([*rules, views, _walks(), *surface])


def derived_digest() -> str:
    """Return what tells whether a log holds these rules, views and macros."""
    return sha256(derived().encode()).hexdigest()


def migrations() -> list[tuple[int, str]]:
    """Return (format that it leads to, statements) for every step, in order."""
    return sorted(
        (int(entry.name.split("_")[0]), entry.read_text(encoding="utf-8"))
        for entry in files("provfs.log").joinpath("migrations").iterdir()
        if entry.name.endswith(".sql")
    )


def _walks() -> str:
    """Return the macros of the walks: one frame, into which their parts are put."""
    text = _walk_text("frame")
    for place in ("sides", "near", "best"):
        text = text.replace(f"{{{place}}}", _walk_text(place))
    for way in ("up", "down"):
        text = text.replace(f"{{{way}}}", _walk_text(f"step_{way}"))
    return text.replace("{hops}", _walk_text("hops"))


def _walk_text(name: str) -> str:
    return _text("provfs.log", f"walks/{name}.sql").rstrip()


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
