"""The compiled calls and those in Python: the same results for every kind of file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provfs import calls
from provfs.capture.lines import line, quoted
from provfs.journal import record

COMPILED = pytest.param(
    {name: getattr(calls, name) for name in calls.IN_PYTHON},
    id="compiled",
    marks=pytest.mark.skipif(not calls.COMPILED, reason="nothing was compiled here"),
)


@pytest.fixture(params=[pytest.param(calls.IN_PYTHON, id="in Python"), COMPILED])
def call(request):
    """The functions of one kind, by name."""
    return request.param


@pytest.mark.parametrize("times_ns", [(0, 0), (1, 2**62), (-(10**18) - 1, 10**18 + 1)])
def test_state_is_the_fingerprint_of_the_open_file(tmp_path, call, times_ns):
    """A state holds device, inode, size, and both times in nanoseconds."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1234)
    os.utime(path, ns=times_ns)
    stat = path.stat()

    with path.open("rb") as file:
        state = call["state_of"](file.fileno())

    expected = (stat.st_dev, stat.st_ino, 1234, stat.st_mtime_ns, stat.st_ctime_ns)
    assert calls.numbers_of(state) == expected
    assert state == calls.pack_state(*expected)


def test_state_with_a_time_that_does_not_fit_is_text(call):
    """Times after the year 2262, which memory filesystems keep, are not cut off."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108 - a memory filesystem
        pytest.skip("needs a filesystem that keeps such times")
    path = Path(f"/dev/shm/provfs-test-{os.getpid()}")  # noqa: S108 - likewise
    try:
        path.write_bytes(b"x")
        os.utime(path, (2**34, 2**34))
        with path.open("rb") as file:
            state = call["state_of"](file.fileno())
        stat = path.stat()
    finally:
        path.unlink()

    assert stat.st_mtime_ns == 2**34 * 10**9
    assert isinstance(state, str)
    assert calls.numbers_of(state)[2:4] == (1, 2**34 * 10**9)


def test_what_is_no_regular_file_with_a_name_has_no_state(tmp_path, call):
    """Pipes, directories and deleted files are no versions of anything."""
    reading, writing = os.pipe()
    directory = os.open(tmp_path, os.O_RDONLY)
    with (tmp_path / "gone").open("wb") as gone:
        (tmp_path / "gone").unlink()

        states = [call["state_of"](number) for number in (reading, directory, gone.fileno())]

    for number in (reading, writing, directory):
        os.close(number)
    assert states == [None, None, None]
    with pytest.raises(OSError, match="Bad file descriptor"):
        call["state_of"](directory)


def test_direct_opening_takes_real_paths_only(tmp_path):
    """Links, dots, double slashes, directories and foreign letters go the ordinary way."""
    if not calls.COMPILED:
        pytest.skip("nothing was compiled here")
    folder = Path(os.path.realpath(tmp_path)) / "folder"
    folder.mkdir()
    for name in ("a.bin", "..b", "c.", "ü.bin"):
        (folder / name).write_bytes(name.encode())
    (folder.parent / "link").symlink_to(folder)
    (folder / "link.bin").symlink_to("a.bin")
    taken = [f"{folder}/{name}" for name in ("a.bin", "..b", "c.")]
    left = [f"{folder}/{name}" for name in ("link.bin", "ü.bin", "none", "a.bin/", "", ".")]
    left += [f"{folder}/../folder/a.bin", f"{folder}//a.bin", f"{folder}/./a.bin", "a.bin", ""]
    left += [f"{folder.parent}/link/a.bin", f"{folder}/a.bin\0", f"{folder}/\udce4"]

    for path in taken:
        descriptor, state, size_bytes = calls.open_direct(path, os.O_RDONLY | os.O_CLOEXEC)
        assert os.read(descriptor, 9) == os.path.basename(path).encode()
        assert os.readlink(f"/proc/self/fd/{descriptor}") == path
        assert state == calls.state_of(descriptor)
        assert size_bytes == len(os.path.basename(path))
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)
    assert [
        path for path in left if calls.open_direct(path, os.O_RDONLY | os.O_CLOEXEC) is not None
    ] == []


def test_look_again_tells_what_became_of_an_open_file(tmp_path, call):
    """Unchanged, unchanged but young when it was opened, and changed are three answers."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"first")
    second_ns = 10**9
    with path.open("rb") as file:
        state = calls.state_of(file.fileno())
        closes = call["look_again"]

        settled = closes(file.fileno(), state, -second_ns, second_ns // 1000)
        young = closes(file.fileno(), state, second_ns, second_ns // 1000)
        os.utime(path, ns=(0, 1))
        changed = closes(file.fileno(), state, -second_ns, second_ns // 1000)
        beyond = calls.pack_state(*calls.numbers_of(state)[:4], 2**63)
        of_another_form = closes(file.fileno(), beyond, 0, 0)
        descriptor = file.fileno()

    assert (settled, young, changed, of_another_form) == (0, 1, 2, 2)
    with pytest.raises(OSError, match="Bad file descriptor"):
        closes(descriptor, state, 0, 0)


STATE = calls.pack_state(7, 2**64 - 1, 4096, -(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("uri", "state", "number"),
    [
        ("file:///a.bin", STATE, 1),
        ("file:///a.bin", calls.pack_state(7, 8, 9, 10, 2**63), -1),
        ('file:///ü\n"', STATE, 2**63 - 1),
        ("file:///a\udcff", STATE, -(2**63)),
        ("file:///" + "long/" * 300, STATE, 2**63),
        ("", calls.pack_state(-1, 0, 0, 0, 0), 0),
    ],
)
def test_access_line_is_the_record_of_a_whole_read(call, uri, state, number):
    """The line is what the plain encoder makes of the same fields, for every text and number."""
    device, inode, size, mtime, ctime = calls.numbers_of(state)
    digest = "xxh3-128:" + "0a" * 16
    fields = {
        "id": number,
        "uri": uri,
        "mode": "read",
        "opened_ns": 5,
        "closed_ns": 10**18,
        "bytes": number,
        "size_bytes": size,
        "fingerprint": f"stat:{device}:{inode}:{size}:{mtime}:{ctime}",
        "digest": digest,
        "thread": -number,
        "channel": "fsspec",
    }

    encoded = call["access_line"](
        "e-1", number, quoted(uri), "read", 5, 10**18, number, state, digest, -number, "fsspec"
    )

    assert encoded == line("access", "e-1", fields)
    assert record.decode(encoded).size_bytes == size


def test_append_writes_only_to_its_own_file_in_its_own_process(tmp_path, call):
    """A number that another file was given, or that a fork child inherited, is left alone."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    mine = os.open(tmp_path / "mine", flags)
    other = os.open(tmp_path / "other", flags)
    stat = os.fstat(mine)
    file = (stat.st_dev, stat.st_ino)

    results = [
        call["append"](mine, os.getpid(), *file, b"line\n"),
        call["append"](other, os.getpid(), *file, b"line\n"),
        call["append"](mine, os.getpid() + 1, *file, b"line\n"),
        call["append"](-1, os.getpid(), *file, b"line\n"),
    ]

    os.close(mine)
    os.close(other)
    assert results == [5, -1, -1, -1]
    assert (tmp_path / "mine").read_bytes() == b"line\n"
    assert (tmp_path / "other").read_bytes() == b""


def _fails(*_):
    raise SystemError


def test_calls_that_answer_alike_are_used(call):
    """Those in Python agree with themselves, and what was compiled here agrees with them."""
    assert calls.answers_alike(call)


@pytest.mark.parametrize(
    "broken",
    [
        {"append": _fails},
        {"append": lambda *_: 0},
        {"state_of": _fails},
        {"state_of": lambda _: None},
        {"access_line": lambda *_: b""},
        {"access_line": lambda _: b""},
        {"open_direct": lambda: None},
        {"look_again": None},
    ],
)
def test_calls_that_answer_otherwise_are_told_apart(broken):
    """Compiled for another Python, or from other sources, they would lose every record."""
    assert not calls.answers_alike({**calls.IN_PYTHON, **broken})


@pytest.mark.parametrize(
    "made", ["module.append = None", "raise RuntimeError", "raise MemoryError"]
)
def test_a_broken_module_of_calls_leaves_those_in_python(made):
    """Whatever is wrong with what was compiled, capture goes on without it."""
    code = f"""
import sys
from importlib.util import spec_from_loader
class Finder:
    def find_spec(self, name, path=None, target=None):
        return spec_from_loader(name, self) if name == "provfs._calls" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        {made}
sys.meta_path.insert(0, Finder())
from provfs import calls
assert not calls.COMPILED
assert all(getattr(calls, name) is calls.IN_PYTHON[name] for name in calls.IN_PYTHON)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
