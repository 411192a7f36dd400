"""The canonical uris of paths on filesystems of every kind."""

from __future__ import annotations

import fsspec
import pytest

from provfs.capture.layers.places import uri_of

CASES = [
    ("github", {"org": "o", "repo": "r", "root": "main"}, "d/a.csv", "github://o:r@main/d/a.csv"),
    ("gist", {"gist_id": "1f"}, "gist://1f/a.csv", "gist://1f/a.csv"),
    ("ftp", {"host": "h", "port": 21}, "ftp://u:p@h/d/a.csv", "ftp://h/d/a.csv"),
    ("ftp", {"host": "h", "port": 2121}, "/d/a.csv", "ftp://h:2121/d/a.csv"),
    ("webhdfs", {"url": "http://h:50070/webhdfs/v1"}, "/a.csv", "webhdfs://h:50070/a.csv"),
    ("jupyter", {"url": "https://u@h:8888/api"}, "a.csv", "jupyter://h:8888/a.csv"),
    ("dbfs", {"instance": "adb.net"}, "/a.csv", "dbfs://adb.net/a.csv"),
    ("ftp", {}, "/d/a.csv", "ftp:///d/a.csv"),
    ("http", {}, "http://u:p@h/a.csv?token=t", "http://***@h/a.csv?token=***"),
    ("memory", {}, "memory://d/a.csv", "memory:///d/a.csv"),
]


@pytest.mark.parametrize(("protocol", "attributes", "path", "uri"), CASES)
def test_a_uri_says_where_a_file_lies(monkeypatch, protocol, attributes, path, uri):
    """Files of one name on two hosts, or in two repositories, are two artifacts."""
    cls = fsspec.get_filesystem_class(protocol)
    monkeypatch.delattr(cls, "__del__", raising=False)  # nothing is connected
    fs = object.__new__(cls)
    fs.storage_options = {}
    vars(fs).update(attributes)

    assert uri_of(fs, path) == uri
