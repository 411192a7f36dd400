"""Linux's fanotify: groups, marks, answers, file handles, and the parser of event buffers.

Contract: thin and without state; every call that fails raises OSError with the name of the call.
`parse` is pure and takes what read(2) gave; it never reads beyond an event and skips records that
it does not know, so that newer kernels do no harm. Descriptors in events belong to the caller.
Not here: what events mean, see `gate` and `ledger` beside this file.
Source: fanotify(7), fanotify_init(2), fanotify_mark(2), open_by_handle_at(2), linux/fanotify.h.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import termios
from typing import TYPE_CHECKING, Final, NamedTuple

from provfs_agent.events import FileKey

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
CLOSE_NOWRITE: Final = 0x10
OPEN: Final = 0x20
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
Q_OVERFLOW: Final = 0x4000
OPEN_PERM: Final = 0x10000
EVENT_ON_CHILD: Final = 0x08000000
RENAME: Final = 0x10000000
ONDIR: Final = 0x40000000

_CLOEXEC, _NONBLOCK = 0x1, 0x2
_CLASS_CONTENT = 0x4
_UNLIMITED_QUEUE, _UNLIMITED_MARKS = 0x10, 0x20
_REPORT_FID, _REPORT_DIR_FID, _REPORT_NAME, _REPORT_TARGET_FID = 0x200, 0x400, 0x800, 0x1000

MARK_ADD: Final = 0x1
MARK_REMOVE: Final = 0x2
MARK_DONT_FOLLOW: Final = 0x4
MARK_ONLYDIR: Final = 0x8
MARK_FILESYSTEM: Final = 0x100

_INFO_FID, _INFO_DFID_NAME, _INFO_DFID, _INFO_OLD, _INFO_NEW = 1, 2, 3, 10, 12

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_HANDLE_FID = 0x200
_LARGEST_HANDLE_BYTES = 128
_METADATA = struct.Struct("=IBBHQii")
_INFO = struct.Struct("=BBH")
_HANDLE = struct.Struct("=Ii")
_SIZE = struct.Struct("=I")
_NUMBER = struct.Struct("=i")
_ANSWER = struct.Struct("=iI")
_ALLOW = 1

_libc = ctypes.CDLL(None, use_errno=True)
_PATH = ctypes.c_char_p


class Handle(NamedTuple):
    """A file's name for the kernel: stays the same when the file moves, and is never used again.

    `filesystem` is the 8 bytes of `statfs.f_fsid`; `kind` and `data` are opaque and the
    filesystem's own.
    """

    filesystem: bytes
    kind: int
    data: bytes

    @property
    def raw(self) -> bytes:
        """The bytes that stand in events for it."""
        return self.filesystem + _HANDLE.pack(len(self.data), self.kind) + self.data


class Where(NamedTuple):
    """A name in a directory; the name is `.` or empty for the directory itself."""

    directory: Handle
    name: bytes


class KernelEvent(NamedTuple):
    """One event as the kernel tells it.

    `descriptor` is open on the file in a permission group, else -1. `place` is where a handle group
    saw it, for a rename where it went; `old_place` where it came from; `target` the file itself.
    """

    mask: int
    pid: int
    descriptor: int
    place: Where | None = None
    old_place: Where | None = None
    target: Handle | None = None


def open_gate() -> int:
    """Return a permission group; files open for reading in its events, of any size and kind."""
    flags = _CLASS_CONTENT | _CLOEXEC | _NONBLOCK | _UNLIMITED_QUEUE | _UNLIMITED_MARKS
    return _initialise(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | _large_file_flag())


def open_ledger() -> int:
    """Return a notification group that tells directory, name and file by their handles."""
    report = _REPORT_FID | _REPORT_DIR_FID | _REPORT_NAME | _REPORT_TARGET_FID
    return _initialise(_CLOEXEC | _NONBLOCK | _UNLIMITED_QUEUE | _UNLIMITED_MARKS | report, 0)


def mark(group: int, flags: int, mask: int, path: bytes) -> None:
    """Add or remove a mark on what stands at `path`; a symbolic link is not followed."""
    result = _libc.fanotify_mark(
        ctypes.c_int(group), ctypes.c_uint(flags | MARK_DONT_FOLLOW), ctypes.c_uint64(mask),
        ctypes.c_int(_AT_FDCWD), _PATH(path),
    )  # fmt: skip
    _check(result, "fanotify_mark", path)


def allow(group: int, descriptor: int) -> None:
    """Let the opener go on whose event carries this descriptor."""
    os.write(group, _ANSWER.pack(descriptor, _ALLOW))


def queued(group: int) -> int:
    """Return how many events wait to be read, or some more than that."""
    answer = bytearray(_NUMBER.size)
    fcntl.ioctl(group, termios.FIONREAD, answer)
    return int(_NUMBER.unpack(answer)[0]) // _METADATA.size


def first(buffer: bytes, most: int) -> tuple[int, int]:
    """Return how many bytes and events the first events of one read are, at most so many."""
    offset = found = 0
    while found < most and offset + _METADATA.size <= len(buffer):
        (length,) = _SIZE.unpack_from(buffer, offset)
        if length < _METADATA.size:
            break
        offset += length
        found += 1
    return offset, found


def parse(buffer: bytes, inside: Container[bytes] | None = None) -> Iterator[KernelEvent]:
    """Yield the events of one read; a buffer that is cut off ends the walk.

    Args:
        buffer: What was read.
        inside: `Handle.raw` of directories; events in others are left out where that is quickly
            seen. A mark on a filesystem brings many of them.
    """
    offset, end = 0, len(buffer)
    while offset + _METADATA.size <= end:
        length, _, _, metadata, mask, descriptor, pid = _METADATA.unpack_from(buffer, offset)
        if length < _METADATA.size or offset + length > end:
            return
        if length == metadata:
            yield KernelEvent(mask, pid, descriptor)
        elif inside is None or _is_inside(buffer, offset + metadata, inside):
            records = memoryview(buffer)[offset + metadata : offset + length]
            yield _with_records(KernelEvent(mask, pid, descriptor), records)
        offset += length


def _is_inside(buffer: bytes, offset: int, inside: Container[bytes]) -> bool:
    """Say whether the first record names a known directory, or is one that has to be read."""
    if buffer[offset] != _INFO_DFID_NAME:
        return True
    begin = offset + _INFO.size
    (size,) = _SIZE.unpack_from(buffer, begin + 8)
    return buffer[begin : begin + 8 + _HANDLE.size + size] in inside


def _with_records(event: KernelEvent, records: memoryview) -> KernelEvent:
    place = old_place = target = None
    while len(records) >= _INFO.size:
        kind, _, length = _INFO.unpack_from(records)
        if length < _INFO.size or length > len(records):
            break
        body = records[_INFO.size : length]
        if kind == _INFO_FID:
            target = _handle_and_name(body).directory
        elif kind in {_INFO_DFID_NAME, _INFO_DFID, _INFO_NEW}:
            place = _handle_and_name(body)
        elif kind == _INFO_OLD:
            old_place = _handle_and_name(body)
        records = records[length:]
    return event._replace(place=place, old_place=old_place, target=target)


def _handle_and_name(body: memoryview) -> Where:
    size, kind = _HANDLE.unpack_from(body, 8)
    begin = 8 + _HANDLE.size
    name = bytes(body[begin + size :]).partition(b"\0")[0]
    return Where(Handle(bytes(body[:8]), kind, bytes(body[begin : begin + size])), name)


def handle_of(path: bytes | int, filesystem: bytes | None = None) -> Handle:
    """Return the handle of what stands at a path, or of an open descriptor; no link is followed.

    Args:
        path: Where it is, or a descriptor.
        filesystem: As `Handle.filesystem`, where it is known; saves a call.

    Raises:
        OSError: The filesystem has no handles, or nothing stands there.
    """
    at, name, flags = (path, b"", _AT_EMPTY_PATH) if isinstance(path, int) else (_AT_FDCWD, path, 0)
    try:
        kind, data = _handle(at, name, flags)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        kind, data = _handle(at, name, flags | _AT_HANDLE_FID)
    return Handle(filesystem or filesystem_of(path), kind, data)


def filesystem_of(path: bytes | int) -> bytes:
    """Return what `Handle.filesystem` is for a path."""
    return struct.pack("=Q", os.statvfs(path).f_fsid)


def _handle(at: int, name: bytes, flags: int) -> tuple[int, bytes]:
    data = ctypes.create_string_buffer(_HANDLE.size + _LARGEST_HANDLE_BYTES)
    _HANDLE.pack_into(data, 0, _LARGEST_HANDLE_BYTES, 0)
    mount = ctypes.c_int()
    result = _libc.name_to_handle_at(
        ctypes.c_int(at), _PATH(name), data, ctypes.byref(mount), ctypes.c_int(flags)
    )
    _check(result, "name_to_handle_at", name)
    size, kind = _HANDLE.unpack_from(data)
    return kind, data.raw[_HANDLE.size : _HANDLE.size + size]


def path_of_handle(mount: int, handle: Handle) -> bytes:
    """Return the present path of a file, seen through an open descriptor of its filesystem.

    Makes no event. Needs CAP_DAC_READ_SEARCH.
    """
    data = ctypes.create_string_buffer(
        _HANDLE.pack(len(handle.data), handle.kind) + handle.data, _HANDLE.size + len(handle.data)
    )
    descriptor = _libc.open_by_handle_at(
        ctypes.c_int(mount), data, ctypes.c_int(os.O_PATH | os.O_CLOEXEC)
    )
    _check(descriptor, "open_by_handle_at", b"")
    try:
        return os.readlink(b"/proc/self/fd/%d" % descriptor)
    finally:
        os.close(descriptor)


class InodeReader:
    """Reads the inode number out of handles, on filesystems where that is known to be right.

    Args:
        handle: That of some file of the filesystem.
        status: The same file's; the layout is the one that gives this inode number.
    """

    def __init__(self, handle: Handle, status: os.stat_result) -> None:
        self._device = status.st_dev
        self._kind, self._size = handle.kind, len(handle.data)
        self._layout = next(
            (layout for layout in _LAYOUTS if layout.read(handle.data) == status.st_ino), None
        )

    def file(self, handle: Handle | None) -> FileKey | None:
        """Return the file of a handle of the same filesystem; None where it has to be looked up."""
        if handle is None or self._layout is None:
            return None
        if handle.kind != self._kind or len(handle.data) != self._size:
            return None
        inode = self._layout.read(handle.data)
        return None if inode is None else FileKey(self._device, inode)


class _Layout(NamedTuple):
    form: struct.Struct
    low: int
    high: int | None

    def read(self, data: bytes) -> int | None:
        if len(data) < self.form.size:
            return None
        words = self.form.unpack_from(data)
        return int(words[self.low] | (words[self.high] << 32 if self.high is not None else 0))


_LAYOUTS = (
    _Layout(struct.Struct("=III"), 1, 2),  # generation, inode low, inode high: tmpfs
    _Layout(struct.Struct("=QI"), 0, None),  # inode, generation: xfs with wide inodes, btrfs
    _Layout(struct.Struct("=II"), 0, None),  # inode, generation: ext4 and most others
)


def _initialise(flags: int, file_flags: int) -> int:
    group = _libc.fanotify_init(ctypes.c_uint(flags), ctypes.c_uint(file_flags))
    _check(group, "fanotify_init", b"")
    return int(group)


def _large_file_flag() -> int:
    """Return the kernel's O_LARGEFILE, which C libraries of 64-bit systems give as 0.

    Without it, the kernel refuses the opening of a file above 2 GiB instead of asking.
    """
    descriptor = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~os.O_ACCMODE
    finally:
        os.close(descriptor)


def _check(result: int, call: str, path: bytes) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}", os.fsdecode(path) or None)
