"""The parser of fanotify's buffers, on what a kernel gave once (Linux 6.18, tmpfs)."""

import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from provfs_agent.backends.kernel import fanotify
from provfs_agent.backends.kernel.fanotify import Handle, InodeReader, parse

_HEX = """
5c000000030018000201000000000000ffffffffe675000002002400e517ceefd1a291ed0c00000001000000b2285c66
99160000000000006100000001002000e517ceefd1a291ed0c00000001000000abda49829a1600000000000080000000
030018000000001000000000ffffffffe77500000a002400e517ceefd1a291ed0c00000001000000b2285c6699160000
000000006100 00000c002400e517ceefd1a291ed0c00000001000000b2285c669916000000000000620000000100200
0e517ceefd1a291ed0c00000001000000abda49829a160000000000005c000000030018000001004000000000ffffffff
e875000002002400e517ceefd1a291ed0c00000001000000b2285c669916000000000000640000000100 2000e517ceef
d1a291ed0c00000001000000b868f3b79b160000000000005c000000030018000002000000000000ffffffffe9750000
02002400e517ceefd1a291ed0c00000001000000b2285c6699160000000000006200000001002000e517ceefd1a291ed
0c00000001000000abda49829a16000000000000
"""
RECORDED = bytes.fromhex("".join(_HEX.split()))
"""`echo x > a; mv a b; mkdir d; rm b`, each by a process of its own."""

FILE_INODE, FOLDER_INODE = 0x169A, 0x1699


class _Status:
    st_dev, st_ino = 42, FOLDER_INODE


def test_recorded_events_are_read():
    """Masks, processes, places and names stand in the events as the kernel put them there."""
    made, renamed, folder, removed = parse(RECORDED)

    assert made.mask == fanotify.CREATE | fanotify.MODIFY
    assert (made.pid, made.descriptor, made.place.name) == (30182, -1, b"a")
    assert renamed.mask == fanotify.RENAME
    assert (renamed.old_place.name, renamed.place.name) == (b"a", b"b")
    assert folder.mask == fanotify.CREATE | fanotify.ONDIR
    assert removed.mask == fanotify.DELETE
    assert made.target == renamed.target == removed.target != folder.target
    assert made.place.directory == folder.place.directory


def test_inode_stands_in_the_handle():
    """The file of an event is known without looking anything up, also when it is gone."""
    made, *_ = parse(RECORDED)
    reader = InodeReader(made.place.directory, _Status)

    assert reader.file(made.target) == (42, FILE_INODE)
    assert reader.file(made.place.directory) == (42, FOLDER_INODE)


def test_handle_of_unknown_form_is_not_guessed():
    """Where the layout of a filesystem's handles is not known, no inode is read from them."""
    made, *_ = parse(RECORDED)
    reader = InodeReader(Handle(b"f" * 8, 99, b"no inode in here"), _Status)

    assert reader.file(made.target) is None
    assert InodeReader(made.place.directory, _Status).file(Handle(b"f" * 8, 2, b"123")) is None


def test_unknown_records_are_skipped():
    """An event of a newer kernel, with a record that nobody knows yet, is read as far as known."""
    made, *_ = parse(RECORDED)
    length = struct.unpack_from("=I", RECORDED)[0]
    stranger = struct.pack("=BBH", 77, 0, 12) + b"whatever"
    longer = struct.pack("=I", length + len(stranger)) + RECORDED[4:24] + stranger
    longer += RECORDED[24:length]

    assert list(parse(longer)) == [made]


def test_events_elsewhere_are_left_out():
    """Of a filesystem with many programs on it, only what is in known directories is read."""
    made, renamed, *rest = parse(RECORDED)

    assert list(parse(RECORDED, {made.place.directory.raw})) == [made, renamed, *rest]
    assert list(parse(RECORDED, set())) == [renamed]


def test_events_with_descriptors_are_read():
    """A permission group's events have a descriptor and nothing else."""
    buffer = struct.pack("=IBBHQii", 24, 3, 0, 24, fanotify.OPEN_PERM, 7, 1234) * 2

    assert [(each.mask, each.pid, each.descriptor) for each in parse(buffer)] == [
        (fanotify.OPEN_PERM, 1234, 7)
    ] * 2


@given(st.integers(0, len(RECORDED)), st.binary(max_size=64))
def test_torn_buffers_never_fail(length, rest):
    """Whatever follows where a buffer is cut, the events before it are right and nothing fails."""
    whole = list(parse(RECORDED))

    seen = list(parse(RECORDED[:length]))

    assert seen == whole[: len(seen)]
    for _ in parse(RECORDED[:length] + rest):
        pass


def test_handle_of_a_path_and_a_descriptor_agree(tmp_path):
    """A file has one handle, however it is reached."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        by_path = fanotify.handle_of(os.fsencode(tmp_path))
        by_descriptor = fanotify.handle_of(descriptor)
    finally:
        os.close(descriptor)

    assert by_path == by_descriptor
    reader = InodeReader(by_path, tmp_path.stat())
    assert reader.file(by_path) in {(tmp_path.stat().st_dev, tmp_path.stat().st_ino), None}
