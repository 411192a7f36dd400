"""Files on a web server: digests, the ETag that comes with the first answer, no request more."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest

import provfs
from provfs.journal import record
from tests.contract.journal import facts_of, part, whole
from tests.contract.places import A

LARGE = bytes(range(256)) * 8000
CONTENTS = {"/a": A, "/large": LARGE}
asked_for: list[tuple[str, str]] = []
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    has_ranges = True

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        content = CONTENTS.get(self.path)
        asked_for.append((self.command, self.headers.get("Range") or ""))
        if content is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = 0, len(content) - 1
        asked = self.headers.get("Range") if self.has_ranges else None
        if asked:
            start, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(last, int(end or last))
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        if self.has_ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", etag(content))
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[first : last + 1])

    def do_HEAD(self):
        self.do_GET()


def etag(content):
    """Return the ETag under which the server gives a content."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


@pytest.fixture(params=[True, False], ids=["ranges", "streams"])
def server(request):
    """The url of a server, which can give ranges or not."""
    pytest.importorskip("aiohttp")
    _Handler.has_ranges = request.param
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def read_all(fs, url):
    """Read a file in pieces to its end."""
    with fs.open(f"{url}/large") as f:
        return b"".join(iter(lambda: f.read(100_000), b""))


def read_some(fs, url):
    """Read in the middle, or the first bytes where the server gives no ranges."""
    with fs.open(f"{url}/large", block_size=1000, cache_type="none") as f:
        if _Handler.has_ranges:
            f.seek(500)
        return f.read(7)


WAYS = {
    "handle": (read_all, [whole("read", "large", LARGE)]),
    "cat": (lambda fs, url: fs.cat_file(f"{url}/a"), [whole("read", "a", A)]),
    "missing": (lambda fs, url: fs.cat([f"{url}/a", f"{url}/none"], on_error="omit"), None),
    "text": (lambda fs, url: fs.read_text(f"{url}/a"), [whole("read", "a", A)]),
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_files_of_a_web_server_are_read_as_without_capture(journal, server, way):
    """The same results and the same requests; whole reads have the digest of what came."""
    read, facts = WAYS[way]
    bare = fsspec.filesystem("http")
    fs = provfs.wrap(bare)
    results = []
    for each in (bare, fs):
        asked_for.clear()
        results.append((read(each, server), list(asked_for)))

    assert results[0] == results[1]
    assert journal.facts(server) == (facts or [whole("read", "a", A)])


def test_a_handle_has_the_etag_that_the_server_told(journal, server):
    """It stands for the version, also where only a part of it is read."""
    fs = provfs.wrap(fsspec.filesystem("http"))

    read_some(fs, server)

    found = [item for item in journal.records() if isinstance(item, record.Access)]
    assert [item.fingerprint for item in found] == [f"etag:{etag(LARGE)}"]
    if _Handler.has_ranges:
        assert facts_of(found, (server,)) == [part("large", (500, 507))]
