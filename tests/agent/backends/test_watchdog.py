"""The back ends on watchdog: inotify with its faults worked around, and other systems."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from provfs_agent.backends.portable import PortableBackend
from provfs_agent.events import WatchSettings

if sys.platform != "linux":
    pytest.skip("inotify is Linux's", allow_module_level=True)

from provfs_agent.backends import native
from provfs_agent.backends.native import NativeBackend, _Emitter


class Watched:
    """A root that is watched, and what was seen of it."""

    def __init__(self, backend):
        self.backend = backend
        self.events = []

    def until(self, kind, name, timeout_s=15):
        """Wait for an event, and return all up to then as (kind, path below the root)."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.events += self.backend.events(0.1)
            if (kind, name) in self.told():
                return self.told()
        pytest.fail(f"{kind} {name} not seen; seen at last: {self.told()[-20:]}")

    def told(self):
        root = self.backend.root
        return [(each.kind, os.path.relpath(each.path, root)) for each in self.events]


@pytest.fixture
def root(tmp_path):
    path = (tmp_path / "root").resolve()
    path.mkdir()
    return path


@pytest.fixture
def watch(root):
    started = []

    def begin(backend=None, **how):
        here = Watched(backend or NativeBackend(str(root), WatchSettings(**how)))
        started.append(here)
        here.backend.start()
        return here

    yield begin
    for each in started:
        each.backend.stop()


def test_reading_and_writing_is_seen(watch, root):
    """Openings and closings come in the order in which they happened."""
    here = watch()

    (root / "a").write_text("x")
    (root / "a").read_text()
    (root / "a").rename(root / "b")
    told = here.until("rename", "b")

    assert told == [
        ("create", "a"), ("open", "a"), ("modify", "a"), ("close_write", "a"), ("open", "a"),
        ("close_read", "a"), ("rename", "b"),
    ]  # fmt: skip
    assert here.events[-1].file.inode == (root / "b").stat().st_ino


def test_overflow_of_the_kernel_is_told(watch, root):
    """A queue that was full is an event of its own, and what is new afterwards is seen."""
    here = watch()
    (emitter,) = (each for each in here.backend._observer.emitters if isinstance(each, _Emitter))

    emitter._inotify.on_queue_overflow()
    (root / "after").write_text("x")
    told = here.until("close_write", "after")

    assert ("overflow", ".") in told


def test_everything_in_new_directories_appears(watch, root):
    """Files that are made at once in new directories are told, though their closings are not."""
    here = watch()

    subprocess.run(
        ["sh", "-c", "mkdir -p a/b; for i in $(seq 200); do echo > a/b/$i; done; echo > end"],
        cwd=root, check=True,
    )  # fmt: skip
    here.until("close_write", "end")
    here.until("create", "a/b/200")

    assert {f"a/b/{number}" for number in range(1, 201)} <= {path for _, path in here.told()}


def test_directory_moved_out_is_no_longer_told(watch, root):
    """A tree that went is silent, also when another one stands in its place or it comes back."""
    outside = root.parent / "outside"
    (root / "data").mkdir()
    here = watch()

    (root / "data").rename(outside)
    (root / "data").mkdir()
    here.until("create", "data")
    (outside / "no").write_text("x")
    (root / "data/yes").write_text("x")
    told = here.until("close_write", "data/yes")
    outside.rename(root / "back")
    here.until("create", "back/no")
    (root / "back/again").write_text("x")
    here.until("close_write", "back/again")

    assert ("delete", "data") in here.until("delete", "data")
    assert not [path for _, path in told if path.endswith("no")]


def test_holder_of_a_file_is_its_actor(watch, root):
    """A program that keeps a file open is found, and never said to be certain."""
    (root / "a").write_text("x")
    here = watch()
    holder = subprocess.Popen(["sh", "-c", "exec 3< a; exec sleep 60"], cwd=root)
    try:
        here.until("open", "a")
        events = [each for each in here.events if each.actor is not None]
        if not events:
            time.sleep(0.2)
            subprocess.run(["touch", "-c", "-m", "a"], cwd=root, check=True)
    finally:
        holder.kill()
        holder.wait()
    here.until("close_read", "a")

    actors = {each.actor for each in here.events if each.actor is not None}
    assert {actor.process.pid for actor in actors} == {holder.pid}
    assert not any(actor.certain for actor in actors)


def test_left_out_directories_are_silent(watch, root):
    """Nothing is told of directories that are left out."""
    (root / ".git").mkdir()
    here = watch(skip_names=frozenset({".git"}), skip_paths=(str(root / "home"),))

    (root / ".git/x").write_text("x")
    (root / "home").mkdir()
    (root / "home/x").write_text("x")
    (root / "end").write_text("x")
    told = here.until("close_write", "end")

    assert {path for _, path in told} == {"end"}


def test_large_tree_is_watched_without_its_reading(watch, root, monkeypatch):
    """Where listing the tree would fill the kernel's queue, reading is left out, and it says so."""
    (root / "sub").mkdir()
    (root / "a").write_text("x")
    monkeypatch.setattr(native, "_limit", lambda _name: 15)
    here = watch()

    (root / "a").read_text()
    os.listdir(root / "sub")
    (root / "b").write_text("x")
    told = here.until("close_write", "b")

    assert {kind for kind, _ in told} == {"create", "modify", "close_write"}
    assert not here.backend.status().reads_visible
    assert "max_queued_events" in here.backend.status().holes[-1]


def test_root_that_goes_is_told(watch, root):
    """A removed root says so."""
    here = watch()

    shutil.rmtree(root)

    assert here.until("gone", ".")


def test_systems_own_observer_shows_writing(watch, root):
    """On other systems than Linux names and writing are seen, and status says that this is all."""
    here = watch(PortableBackend(str(root), WatchSettings(skip_names=frozenset({".git"}))))

    (root / "a").write_text("x")
    (root / "a").rename(root / "b")
    (root / "b").unlink()
    told = here.until("delete", "b")

    kinds = [kind for kind, _ in told]
    assert kinds[0] == "create"
    assert {"modify", "rename"} <= set(kinds)
    assert not {"open", "close_read", "close_write"} & set(kinds)
    assert not here.backend.status().reads_visible
