"""Fixtures of the contract: the journal of the process, a real S3 API, and places."""

from __future__ import annotations

import logging
from itertools import count

import fsspec
import pytest

import provfs
from tests.contract.journal import own_journal
from tests.contract.places import Place

_numbers = count(1)


@pytest.fixture
def journal():
    """The journal of the test process, from here on."""
    found = own_journal()
    found.mark()
    return found


@pytest.fixture(scope="session")
def s3_options():
    """Arguments of `S3FileSystem` for an S3 API that runs in this process, with a bucket `data`."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"key": "k", "secret": "s", "endpoint_url": f"http://{host}:{port}"}
    fsspec.filesystem("s3", **options).mkdir("data")
    yield options
    server.stop()


@pytest.fixture
def make_place(request, tmp_path):
    """Return a function that makes an empty place of a kind: local, memory or s3."""

    def make(kind, wrapped=True):
        journal = own_journal()
        local = tmp_path / "local"
        local.mkdir(exist_ok=True)
        root = f"/place{next(_numbers)}"
        if kind == "local":
            bare = fsspec.filesystem("file", auto_mkdir=False)
            root = str(tmp_path / "store")
            (tmp_path / "store").mkdir(exist_ok=True)
        elif kind == "memory":
            bare = fsspec.filesystem("memory")
        else:
            bare = fsspec.filesystem("s3", **request.getfixturevalue("s3_options"))
            root = f"data{root}"
        journal.mark()
        fs = provfs.wrap(bare) if wrapped else bare
        return Place(kind, bare, fs, root, local, journal)

    return make


@pytest.fixture
def finding(request):
    """Return a function that marks the test as failing, strictly, where a table names the cause."""

    def mark(causes, key):
        if key in causes:
            reason = f"The wrapped filesystem cannot be told from the bare one: {causes[key]}"
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    return mark


@pytest.fixture(params=["local", "memory", "s3"])
def place(request, make_place):
    """A wrapped place of each kind, with the usual files."""
    found = make_place(request.param)
    found.fill()
    return found
