"""A whole agent that watches a bucket of a real S3 API."""

import logging

import pytest

from provfs_agent.backends.kept import KeptList
from provfs_agent.backends.snapshots import Entry


def _uri(name):
    return f"s3://watched/{name}"


@pytest.fixture
def bucket(monkeypatch):
    """Return a filesystem with the bucket `watched`, and tell other processes how to reach it."""
    s3fs = pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"key": "k", "secret": "s", "endpoint_url": f"http://{host}:{port}"}
    for name, value in options.items():
        monkeypatch.setenv(f"FSSPEC_S3_{name.upper()}", value)
    filesystem = s3fs.S3FileSystem(**options, skip_instance_cache=True)
    filesystem.mkdir("watched")
    yield filesystem
    server.stop()


def test_objects_are_watched_and_what_changed_meanwhile_is_told(bucket, running, eventually):
    """New, changed and removed objects become changes, also those of a time without an agent."""
    bucket.pipe("watched/deep/kept", b"1")
    options = "poll_interval_s = 0.1\nrequests_per_s = 1000"
    agent = running(f'watch = ["s3://watched"]\n{options}', start=False)
    agent.start(named=False)
    (root,) = agent.status()["roots"]
    assert root["level"] == "R"

    bucket.pipe("watched/deep/new", b"2")
    bucket.pipe("watched/old", b"1")
    eventually(lambda: set(agent.current()) == {_uri("deep/new"), _uri("old")}, 30)
    agent.kill()
    bucket.pipe("watched/deep/new", b"three")
    bucket.pipe("watched/last", b"4")
    bucket.rm("watched/old")
    agent.start(named=False)

    eventually(lambda: set(agent.current()) == {_uri("deep/new"), _uri("last")}, 30)
    assert agent.stop() == 0
    versions = agent.ask("SELECT uri, origin, count(*) FROM versions GROUP BY ALL ORDER BY uri")
    assert versions == [
        (_uri("deep/new"), "observed", 2), (_uri("last"), "observed", 1),
        (_uri("old"), "observed", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [None, b"", b"\x93\x01", b"not a list"])
def test_kept_list_that_cannot_be_used_is_none(tmp_path, content):
    """A missing or torn list is as if there were none, and is replaced."""
    kept = KeptList(str(tmp_path), "s3://b")
    entries = {"s3://b/a": Entry(False, "etag:1"), "s3://b/d": Entry(True, "")}
    kept.save(entries)
    assert kept.load() == entries
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0

    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert kept.load() is None
    assert KeptList(str(tmp_path), "s3://other").load() is None

    kept.save(entries)
    assert kept.load() == entries
