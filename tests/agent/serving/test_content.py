"""Files are hashed only where they stand still, and the page cache stays as it was."""

import os
import signal

import pytest

from provfs import digest
from provfs_agent.content.hasher import BACK_OFF_S, Hasher, Job
from provfs_agent.content.own import LIFE_S, OwnReads
from provfs_agent.content.reading import BLOCK_BYTES, Prefix, read_content
from provfs_agent.content.steady import Hashed, Refused, hash_steady


@pytest.fixture(autouse=True)
def _no_lease_signal():
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGIO, before)


def _digest(content):
    return str(digest.digest_of_bytes(content))


@pytest.mark.parametrize("may_skip_cache", [True, False])
@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_content_is_read_whole_on_new_and_old_kernels(tmp_path, size, may_skip_cache):
    """The digest is that of all bytes, whichever way the kernel lets them be read."""
    content = os.urandom(size)
    path = tmp_path / "a"
    path.write_bytes(content)

    with path.open("rb") as file:
        found = read_content(file.fileno(), may_skip_cache=may_skip_cache)

    assert str(digest.digest_of(found.hasher)) == _digest(content)
    assert found.size_bytes == size


@pytest.mark.parametrize(("old", "extends"), [(b"first", True), (b"other", False)])
def test_file_that_begins_with_its_old_content_was_appended_to(tmp_path, old, extends):
    """Whether a file goes on from what it was is proven by content, in the same pass."""
    path = tmp_path / "a"
    path.write_bytes(b"first and second")
    prefix = Prefix(len(old), _digest(old).partition(":")[2])

    found = hash_steady(str(path), prefix=prefix)

    assert isinstance(found, Hashed)
    assert found.extends is extends
    assert found.digest == _digest(b"first and second")


def test_file_with_a_writer_has_no_digest(tmp_path):
    """Equal stat before and after proves nothing while somebody can write."""
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(b"half")
        file.flush()
        held = hash_steady(str(path))
    free = hash_steady(str(path))

    if isinstance(held, Refused) and held.reason == "changed just before it was hashed":
        pytest.skip("no leases here")
    assert held == Refused("held open by a writer", again=True, fingerprint=free.fingerprint)
    assert free.digest == _digest(b"half")


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "link", "replaced", "own"])
def test_what_is_no_regular_file_of_ours_is_left_alone(tmp_path, kind):
    """Nothing is opened that could block, and never the log itself."""
    path = tmp_path / "a"
    inode, never = None, frozenset()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind != "missing":
        path.write_bytes(b"x")
        found = path.stat()
        inode = (found.st_dev, found.st_ino + 1) if kind == "replaced" else None
        never = frozenset({(found.st_dev, found.st_ino)} if kind == "own" else ())

    result = hash_steady(str(path), inode, never=never)

    assert isinstance(result, Refused)
    assert not result.again


def test_hashing_can_be_called_off(tmp_path):
    """The end of the agent does not wait for a huge file."""
    path = tmp_path / "a"
    path.write_bytes(b"x")

    assert hash_steady(str(path), stopped=lambda: True).reason == "the agent was stopped"


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def hasher():
    made = Hasher(clock=Clock())
    yield made
    made.stop()


def _done(hasher, eventually):
    found = []
    eventually(lambda: found.extend(hasher.done()) or found)
    return found


def test_file_that_does_not_stand_still_is_tried_again_and_given_up(tmp_path, hasher, eventually):
    """A writer that never ends costs four readings and no more."""
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(b"x")
        file.flush()
        if hash_steady(str(path)).reason != "held open by a writer":
            pytest.skip("no leases here")
        hasher.submit(Job(str(path), 1))
        for pause_s in BACK_OFF_S:
            (job,) = _done(hasher, eventually)
            assert not job.is_final
            assert hasher.done() == []
            hasher._clock.now += pause_s
        (job,) = _done(hasher, eventually)

    assert job.is_final
    assert isinstance(job.result, Refused)
    assert hasher.waiting == 0


def test_job_for_the_same_path_replaces_the_one_that_waits(tmp_path, hasher):
    """A file that changed again is hashed once, for its last state."""
    path = tmp_path / "a"
    hasher._rested[str(path)] = hasher._clock.now + 10
    hasher.submit(Job(str(path), 1))

    dropped = hasher.submit(Job(str(path), 2))

    assert dropped.ticket == 1
    assert hasher.waiting == 1


def test_own_reads_are_told_apart_by_their_number():
    """As many events as hashing makes are ours; the next one is somebody else's."""
    clock = Clock()
    own = OwnReads(clock)
    own.expect("/d/a")

    assert own.take("open", "/d/a")
    assert own.take("close_read", "/d/a")
    assert not own.take("close_read", "/d/a")
    own.expect("/d/a")
    clock.now += LIFE_S + 1
    assert not own.take("open", "/d/a")
