"""First openings of files, which take the shortest way: the same files, names, events and bytes."""

from __future__ import annotations

import os
import sys

import pytest

from provfs.journal import record

_heard: list[tuple[object, ...]] = []
_listening: list[int] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _listening:
        _heard.append(arguments)


@pytest.fixture
def heard():
    """The audit events `open` while the test runs."""
    if not getattr(sys, "_provfs_test_hook", False):  # hooks stay for the life of a process
        sys.addaudithook(_hook)
        sys._provfs_test_hook = True
    _heard.clear()
    _listening.append(1)
    yield _heard
    _listening.clear()


def test_first_and_later_openings_look_like_those_of_open(bench, tmp_path):
    """Name, mode, representation and inheritance are those of a file that `open` made."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"content")

    def looks(open_):
        with open_(str(path), "rb") as file:
            descriptor = file.fileno()
            raw = file.raw
            return (
                *(repr(file), file.name, file.mode, repr(raw), raw.name, raw.mode, raw.closefd),
                *(type(raw).__name__, os.get_inheritable(descriptor), file.read()),
            )

    first, later, bare = looks(bench.open), looks(bench.open), looks(open)

    assert first == later == bare


def test_audit_hooks_hear_the_same_of_every_opening(bench, tmp_path, heard):
    """A hook is told path, mode and flags before the file is opened, as by `open`."""
    path = tmp_path.resolve() / "a.bin"
    path.write_bytes(b"content")
    heard.clear()

    for open_ in (bench.open, bench.open, open):
        open_(str(path), "rb").close()

    mine = [arguments for arguments in heard if arguments[0] == str(path)]
    assert mine == [(str(path), mine[0][1], os.O_RDONLY | os.O_CLOEXEC)] * 3


def test_a_hook_that_forbids_an_opening_keeps_the_file_closed(job):
    """An audit hook that raises is obeyed before anything is opened."""
    (job.work / "secret.csv").write_bytes(b"secret")

    finished = job.run("""
        import os, sys
        def guard(event, arguments):
            if event == "open" and str(arguments[0]).endswith("secret.csv"):
                raise PermissionError("forbidden")
        sys.addaudithook(guard)
        before = len(os.listdir("/proc/self/fd"))
        try:
            open(os.path.abspath("secret.csv"), "rb")
        except PermissionError as error:
            print(error, len(os.listdir("/proc/self/fd")) - before)
    """)

    assert finished.stdout == "forbidden 0\n"
    assert job.accesses("secret.csv") == []


@pytest.mark.parametrize("way", ["absolute", "relative", "link to it", "link above it", "dots"])
def test_every_spelling_of_a_path_names_the_real_file(bench, tmp_path, monkeypatch, digest, way):
    """However a file is reached, it is recorded under its real path, with its digest."""
    folder = tmp_path.resolve() / "folder"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"content")
    (folder / "link").symlink_to("a.bin")
    (tmp_path / "above").symlink_to(folder)
    monkeypatch.chdir(folder)
    spelling = {
        "absolute": f"{folder}/a.bin",
        "relative": "a.bin",
        "link to it": f"{folder}/link",
        "link above it": f"{tmp_path}/above/a.bin",
        "dots": "../folder//a.bin",
    }[way]

    for _ in range(3):
        with bench.open(spelling, "rb") as file:
            assert file.name == spelling
            assert file.read() == b"content"
    bench.recorder.finish()

    reads = bench.accesses("read")
    assert {(a.uri, a.digest) for a in reads} == {((folder / "a.bin").as_uri(), digest(b"content"))}
    assert sum(a.opens for a in reads) == 3


@pytest.mark.parametrize("now", [b"con", b"content and more", b"x" * 300_000])
def test_a_file_that_changes_before_it_is_read_is_read_as_it_is(bench, tmp_path, now):
    """Reading to the end gives what is there then, and the access is marked unstable."""
    path = tmp_path.resolve() / "a.bin"
    path.write_bytes(b"content")
    os.utime(path, (1, 1))

    with bench.open(str(path), "rb") as file:
        path.write_bytes(now)
        data = file.read()

    assert data == now
    assert [(a.digest, a.unstable) for a in bench.accesses("read")] == [(None, True)] * 2


def test_a_missing_or_forbidden_file_fails_as_with_open(bench, tmp_path):
    """Errors are those of `open`, word for word."""
    for path in (str(tmp_path / "none"), str(tmp_path), f"{tmp_path}/a\0b", ""):
        errors = []
        for open_ in (bench.open, open):
            with pytest.raises((OSError, ValueError)) as caught:
                open_(path, "rb")
            errors.append((type(caught.value), str(caught.value)))
        assert errors[0] == errors[1]


def test_pipes_and_files_out_of_scope_are_opened_once_and_not_recorded(bench, tmp_path):
    """A named pipe has one reader, who gets all; a script is no data."""
    pipe = str(tmp_path.resolve() / "pipe")
    os.mkfifo(pipe)
    script = tmp_path.resolve() / "a.sh"
    script.write_bytes(b"true")
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, b"once")

    with bench.open(pipe, "rb", 0) as file:
        got = file.read(4)
    os.close(writer)
    with bench.open(str(script), "rb") as file:
        assert file.read() == b"true"

    assert got == b"once"
    assert bench.records(record.Access) == []
