"""The parts of the kernel back end that need no kernel: the tree, the sockets, patience."""

import os
import subprocess
import sys
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provfs_agent.backends.kernel import wire
from provfs_agent.backends.kernel.fanotify import Handle
from provfs_agent.backends.kernel.guard import Patience, remove_left_folders
from provfs_agent.backends.kernel.names import Directories, Names
from provfs_agent.events import FileKey


def _handle(number):
    return Handle(b"fs", 1, b"%d" % number)


ROOT = _handle(0)


def test_paths_follow_renames():
    """A directory that moves takes along everything below, at no cost for what is below."""
    tree = Directories(ROOT, b"/r")
    tree.add(_handle(1), ROOT, b"a")
    tree.add(_handle(2), _handle(1), b"b")

    tree.add(_handle(1), ROOT, b"new")

    assert tree.path(_handle(2)) == b"/r/new/b"
    assert tree.child(ROOT, b"a") is None


def test_dropped_directories_have_no_path():
    """What is below a directory that went is gone with it."""
    tree = Directories(ROOT, b"/r")
    tree.add(_handle(1), ROOT, b"a")
    tree.add(_handle(2), _handle(1), b"b")

    gone = tree.drop(_handle(1))

    assert gone == [_handle(1), _handle(2)]
    assert tree.path(_handle(2)) is None
    assert len(tree) == 1
    assert not tree.add(_handle(3), _handle(2), b"c")


def test_directory_never_moves_below_itself():
    """An impossible move, as events that were lost could suggest, changes nothing."""
    tree = Directories(ROOT, b"/r")
    tree.add(_handle(1), ROOT, b"a")
    tree.add(_handle(2), _handle(1), b"b")

    tree.add(_handle(1), _handle(2), b"c")

    assert tree.path(_handle(2)) == b"/r/a/b"


_NUMBERS = st.integers(1, 6)


@given(st.lists(st.tuples(st.booleans(), _NUMBERS, st.integers(0, 6), st.sampled_from("ab"))))
def test_tree_is_as_a_plain_one(steps):  # noqa: C901 - the model is what is complex, not the test
    """Whatever is added, moved and dropped, paths are those of a model that keeps them as text."""
    tree = Directories(ROOT, b"/r")
    model = {0: (None, "/r")}

    def path(number):
        parent, name = model[number]
        return name if parent is None else f"{path(parent)}/{name}"

    def line(number):
        while number is not None:
            yield number
            number = model[number][0]

    def drop(number):
        for each in [each for each in model if number in line(each)]:
            del model[each]

    for is_add, number, parent, name in steps:
        if not is_add:
            tree.drop(_handle(number))
            if number in model:
                drop(number)
            continue
        tree.add(_handle(number), _handle(parent), name.encode())
        if parent not in model or number in line(parent) or model.get(number) == (parent, name):
            continue
        for other in [each for each in model if model[each] == (parent, name)]:
            drop(other)
        if parent in model:
            model[number] = (parent, name)

    for number in range(7):
        expected = path(number).encode() if number in model else None
        assert tree.path(_handle(number)) == expected


def _event(path=b"/r/a"):
    return wire.SeenEvent(1, "open", path, b"", False, 2, 3, 4, 0, True)


def test_messages_travel_as_they_are():
    """Paths are bytes on the way; nothing else can carry every name."""
    ours, theirs = wire.pair()
    with ours, theirs:
        outbox = wire.Outbox(theirs)
        outbox.add(_event(b"/r/caf\xe9"))
        assert outbox.flush(now=True)

        (received,) = wire.receive(ours, wait=False)

    assert received == _event(b"/r/caf\xe9")


def test_slow_reader_costs_events_and_nobody_waits(monkeypatch):
    """What a reader does not take is kept up to a limit, then dropped, counted and told."""
    monkeypatch.setattr(wire, "_WAITING_PACKETS", 3)
    ours, theirs = wire.pair()
    with ours, theirs:
        theirs.setsockopt(wire.socket.SOL_SOCKET, wire.socket.SO_SNDBUF, 65536)
        outbox = wire.Outbox(theirs)
        for _ in range(10_000):
            outbox.add(_event(b"/r/" + b"x" * 200))
            outbox.flush()
        assert outbox.lost > 0
        assert outbox.take_lost() == 0

        received = []
        while not outbox.flush(now=True):
            received += wire.receive(ours, wait=False) or []
        while (packet := wire.receive(ours, wait=False)) is not None:
            received += packet

        assert len(received) + outbox.lost == 10_000
        assert outbox.take_lost() == outbox.lost


def test_reader_that_ended_is_noticed():
    """Both sides learn that the other has ended, instead of waiting for it."""
    ours, theirs = wire.pair()
    outbox = wire.Outbox(theirs)
    outbox.add(_event())
    ours.close()

    with theirs:
        with pytest.raises(EOFError):
            outbox.flush(now=True)
        with pytest.raises(EOFError):
            wire.receive(theirs, wait=False)


def test_sockets_can_be_handed_over():
    """A message can carry a socket, and one without carries none."""
    ours, theirs = wire.pair()
    given, kept = wire.pair()
    with ours, theirs, given, kept:
        wire.send_with_end(theirs, wire.UseGate(), given)
        wire.send(theirs, wire.TakeOver())

        first, end = wire.receive_with_end(ours)
        second, nothing = wire.receive_with_end(ours)
        with end:
            wire.send(end, wire.TakeOver())
        assert wire.receive(kept, wait=False) == [wire.TakeOver()]

    assert (first, second, nothing) == ([wire.UseGate()], [wire.TakeOver()], None)


def test_names_of_hard_links_are_kept(tmp_path):
    """A file with two names is closed under the one it was opened by, as long as both are there."""
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    status = (tmp_path / "a").stat()
    file = FileKey(status.st_dev, status.st_ino)
    names = Names()

    names.told("open", a, file, is_directory=False)
    names.told("open", b, file, is_directory=False)
    assert names.told("close_read", a, file, is_directory=False) == a

    (tmp_path / "b").unlink()
    assert names.told("close_read", a, file, is_directory=False) == b
    names.told("delete", b, file, is_directory=False)
    assert names.told("close_read", a, file, is_directory=False) == a


def test_patience_ends_only_when_all_is_slow():
    """One fast answer begins the time anew; short slowness is forgiven."""
    patience = Patience(for_s=10, limit_s=0.05)

    assert not patience.is_over(0, 0.2)
    assert not patience.is_over(9, 0.2)
    assert not patience.is_over(9.5, 0.01)
    assert not patience.is_over(10, 0.2)
    assert not patience.is_over(19.9, 0.2)
    assert patience.is_over(20, 0.2)


def test_packets_stay_below_the_limit():
    """Long names make more packets, not larger ones."""
    ours, theirs = wire.pair()
    with ours, theirs:
        outbox = wire.Outbox(theirs)
        for _ in range(128):
            outbox.add(_event(b"/" + b"x" * 4000))
        outbox.flush(now=True)

        assert len(ours.recv(1 << 20)) <= wire.PACKET_BYTES


def test_folders_of_killed_agents_are_removed(tmp_path, monkeypatch):
    """What a guard that was killed left in the temporary directory goes; what is in use stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left, used = tmp_path / f"provfs-gate-{ended.pid}-x", tmp_path / f"provfs-gate-{os.getpid()}-y"
    others = tmp_path / "provfs-gate-of-somebody"
    for folder in (left, used, others):
        folder.mkdir()

    remove_left_folders()

    assert not left.exists()
    assert used.exists()
    assert others.exists()
