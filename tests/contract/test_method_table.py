"""Every method of the installed fsspec is classified, so that a new one is no silent hole.

The words: `captured` has a wrapper, `grouped` comes down to captured methods, of which it gathers
the facts, and `forwarded` moves no content. The test holds for the oldest fsspec that is allowed
and for the newest; continuous integration runs it on both.
"""

from __future__ import annotations

import inspect

import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.spec import AbstractFileSystem

from provfs.capture.filesystem import METHODS

WORDS = {"captured", "grouped", "forwarded"}
NOT_EVERYWHERE = {"tree", "_mv_file", "_touch", "_bulk_delete", "merge", "_merge"}
"""Names that only some of the allowed versions, or some filesystems, have."""


def public_methods(cls):
    """Return the names of the public methods of a class, inherited ones too."""
    return {name for name, _ in inspect.getmembers(cls, callable) if not name.startswith("_")}


def coroutines(cls):
    """Return the names of the coroutines, and of the generators like them, of a class."""
    return {
        name
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
    }


@pytest.mark.parametrize("cls", [AbstractFileSystem, AsyncFileSystem])
def test_every_public_method_is_classified(cls):
    """A method that nobody looked at is an error."""
    assert sorted(public_methods(cls) - set(METHODS)) == []


def test_every_coroutine_is_classified():
    """The asynchronous form of a method is classified for itself."""
    assert sorted(coroutines(AsyncFileSystem) - set(METHODS)) == []


def test_the_table_names_only_what_exists():
    """A name that fsspec does not have is an error, unless only some versions have it."""
    missing = {name for name in METHODS if not hasattr(AsyncFileSystem, name)}

    assert missing <= NOT_EVERYWHERE


def test_the_table_uses_three_words():
    """A method is captured, grouped or forwarded."""
    assert set(METHODS.values()) <= WORDS


def test_aliases_are_classified_like_their_originals():
    """`cp` cannot be anything else than `copy`."""
    aliases = {
        "cp": "copy",
        "move": "mv",
        "rename": "mv",
        "delete": "rm",
        "download": "get",
        "upload": "put",
        "read_bytes": "cat_file",
        "write_bytes": "pipe_file",
        "stat": "info",
        "listdir": "ls",
        "disk_usage": "du",
        "mkdirs": "makedirs",
        "makedir": "mkdir",
    }
    words = {alias: METHODS.get(alias) for alias in aliases if alias in METHODS}

    assert words == {alias: METHODS.get(aliases[alias]) for alias in words}
