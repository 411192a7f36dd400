"""Comparison of lists: of a directory tree, and of a remote filesystem."""

import os

import pytest

from provfs_agent.backends.polling import LocalLister, PollingBackend
from provfs_agent.backends.remote import RemoteLister, fingerprint_of, remote_backend
from provfs_agent.backends.snapshots import Entry, differences
from provfs_agent.events import BackendStatus, FileKey, WatchSettings

STATUS = BackendStatus(level="E", name="lists", attribution="none", reads_visible=False)


def _entry(inode, fingerprint="1", *, is_directory=False):
    return Entry(is_directory, fingerprint, FileKey(1, inode))


def _told(before, after):
    return [(each.kind, each.path, each.old_path) for each in differences(before, after)]


def test_same_lists_differ_in_nothing():
    """Nothing is told where nothing has changed."""
    assert _told({"/a": _entry(1)}, {"/a": _entry(1)}) == []


def test_changes_are_told_by_what_they_are():
    """Made, written, removed, and another file under the same name, which was written too."""
    before = {"/a": _entry(1), "/b": _entry(2), "/c": _entry(3)}
    after = {"/a": _entry(1, "2"), "/b": _entry(9, "2"), "/d": _entry(4)}

    assert _told(before, after) == [
        ("delete", "/c", None), ("create", "/d", None), ("modify", "/a", None),
        ("modify", "/b", None),
    ]  # fmt: skip


def test_same_file_under_another_name_was_renamed():
    """A renamed file keeps its identity; if it was written as well, that is told after it."""
    assert _told({"/a": _entry(1)}, {"/b": _entry(1, "2")}) == [
        ("rename", "/b", "/a"), ("modify", "/b", None),
    ]  # fmt: skip


def test_names_without_identity_are_made_and_removed():
    """Where there are only names, as in an object store, no rename is guessed."""
    before = {"s3://b/a": Entry(False, "etag:1")}
    after = {"s3://b/c": Entry(False, "etag:1")}

    assert _told(before, after) == [("delete", "s3://b/a", None), ("create", "s3://b/c", None)]


def test_directory_in_place_of_a_file():
    """A name that changes its kind is another thing."""
    before, after = {"/a": _entry(1)}, {"/a": _entry(1, is_directory=True)}

    assert _told(before, after) == [("delete", "/a", None), ("create", "/a", None)]


@pytest.fixture
def polled(tmp_path):
    settings = WatchSettings(poll_interval_s=3600, skip_names=frozenset({".git"}))
    backend = PollingBackend(LocalLister(str(tmp_path), settings), settings, STATUS, "poll")
    yield backend
    backend.stop()


def _events(backend):
    backend.compare()
    return [(each.kind, os.path.basename(each.path)) for each in backend.events(0)]


def test_polled_directory_tells_what_is_different(polled, tmp_path):
    """The first list tells nothing, later ones tell what has changed since."""
    (tmp_path / "a").write_text("1")
    (tmp_path / ".git").mkdir()
    polled.start()
    assert _events(polled) == []

    (tmp_path / "a").write_text("22")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b").write_text("1")
    (tmp_path / ".git/x").write_text("1")
    assert _events(polled) == [("create", "sub"), ("create", "b"), ("modify", "a")]

    (tmp_path / "sub").rename(tmp_path / "moved")
    assert _events(polled) == [("rename", "moved"), ("rename", "b")]
    assert polled.status().marks == 3


def test_polled_root_that_goes_is_told(polled, tmp_path):
    """A root that is not there any more ends the watch with a word."""
    polled.start()
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    polled.compare()

    assert [each.kind for each in polled.events(0)] == ["gone"]


class _Store:
    """A remote filesystem that can be broken."""

    def __init__(self, filesystem):
        self.filesystem = filesystem
        self.requests = 0
        self.broken = ""

    def unstrip_protocol(self, name):
        return self.filesystem.unstrip_protocol(name)

    def ls(self, path, detail, refresh):
        assert refresh
        self.requests += 1
        if self.broken and path.rstrip("/").endswith(self.broken):
            msg = "the server does not answer"
            raise TimeoutError(msg)
        return self.filesystem.ls(path, detail=detail)


@pytest.fixture
def store():
    import fsspec

    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    filesystem.store, filesystem.pseudo_dirs = {}, [""]
    filesystem.pipe("/bucket/a", b"1")
    filesystem.pipe("/bucket/deep/b", b"1")
    return _Store(filesystem)


def test_remote_changes_have_uris(store):
    """Objects are told by their uri, as a wrapped filesystem writes it, with their fingerprint."""
    settings = WatchSettings(poll_interval_s=3600, requests_per_s=1e6)
    backend = PollingBackend(RemoteLister(store, "/bucket", settings), settings, STATUS, "remote")
    backend.start()
    store.filesystem.pipe("/bucket/deep/b", b"22")
    store.filesystem.pipe("/bucket/c", b"1")
    store.filesystem.rm("/bucket/a")

    backend.compare()
    events = backend.events(0)
    backend.stop()

    assert [(each.kind, each.path) for each in events] == [
        ("delete", "memory:///bucket/a"), ("create", "memory:///bucket/c"),
        ("modify", "memory:///bucket/deep/b"),
    ]  # fmt: skip
    assert events[1].detail.startswith("size:1:")


def test_server_that_does_not_answer_has_removed_nothing(store):
    """What could not be listed is as it was; where it is the root, a gap is told once."""
    settings = WatchSettings(poll_interval_s=3600, requests_per_s=1e6)
    backend = PollingBackend(RemoteLister(store, "/bucket", settings), settings, STATUS, "remote")
    backend.start()

    store.broken = "deep"
    backend.compare()
    assert backend.events(0) == []

    store.broken = "bucket"
    backend.compare()
    backend.compare()
    (gap,) = backend.events(0)
    backend.stop()

    assert gap.kind == "overflow"
    assert "does not answer" in gap.detail


def test_root_that_cannot_be_listed_is_an_error(store):
    """A url that does not answer at the start is refused with the reason."""
    settings = WatchSettings(poll_interval_s=3600)
    store.broken = "bucket"
    backend = PollingBackend(RemoteLister(store, "/bucket", settings), settings, STATUS, "remote")

    with pytest.raises(OSError, match="does not answer"):
        backend.start()


def test_long_first_list_holds_nobody_up(store):
    """A list that takes long goes on after the start; what it finds first is what was there."""
    settings = WatchSettings(poll_interval_s=3600, requests_per_s=0.001)
    lister = RemoteLister(store, "/bucket", settings)
    backend = PollingBackend(lister, settings, STATUS, "remote", first_wait_s=0)

    backend.start()
    backend.stop()

    assert backend.status().marks <= 3


def test_requests_are_counted_against_the_rate(store):
    """Each request, and each page of a long list, is followed by its share of waiting."""
    for number in range(2500):
        store.filesystem.pipe(f"/bucket/deep/{number}", b"")
    waits = []

    def go_on(wait_s):
        waits.append(wait_s)
        return True

    RemoteLister(store, "/bucket", WatchSettings(requests_per_s=4)).list_all({}, go_on)

    assert sum(waits) == pytest.approx((1 + 3) / 4)
    assert store.requests == 2


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"ETag": '"abc"', "size": 1}, "etag:abc"),
        ({"md5Hash": "q==", "size": 1}, "etag:q=="),
        ({"size": 5, "mtime": 12.5}, "size:5:12.5"),
        ({"size": 5}, "size:5:None"),
    ],
)
def test_best_fingerprint_is_taken(row, expected):
    """What names the content comes before what only dates it."""
    assert fingerprint_of(row) == expected


def test_unknown_protocol_is_refused():
    """A url that no filesystem is for says so at the start."""
    with pytest.raises(OSError, match="nosuchthing"):
        remote_backend("nosuchthing://x/y", WatchSettings())
