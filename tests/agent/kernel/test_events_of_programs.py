"""Which events the operations of programs make. Source: the event matrix of fanotify, measured."""

import os
import subprocess
import sys


def test_reading_is_opened_and_closed(watch, root):
    """A program that opens a file is seen opening and closing it, also without reading a byte."""
    (root / "a").write_text("data")
    here = watch()

    here.run("cat a > /dev/null; exec 3< a; exec 3<&-")
    here.seen()

    assert here.told("open", "close_read", "close_write") == [
        ("open", "a"), ("close_read", "a"), ("open", "a"), ("close_read", "a"),
    ]  # fmt: skip


def test_mapped_reading_and_writing_is_seen(watch, root):
    """Bytes that move through a mapping are seen as an opening and a closing, like any others."""
    (root / "a").write_bytes(b"x" * 4096)
    (root / "b").write_bytes(b"y" * 4096)
    script = (
        "import mmap\n"
        "data = open('a', 'rb'); a = mmap.mmap(data.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "handle = open('b', 'r+b'); b = mmap.mmap(handle.fileno(), 0); b[0:1] = a[0:1]\n"
    )
    here = watch()

    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, timeout=30)
    here.seen()

    assert set(here.told(backend="gate")) == {
        ("open", "a"), ("open", "b"), ("close_read", "a"), ("close_write", "b"),
    }  # fmt: skip


OPERATIONS = {
    "truncate -s 0 a": {("modify", "a")},
    "echo more >> a": {("modify", "a"), ("close_write", "a")},
    "cp a b": {("create", "b"), ("close_write", "b"), ("close_read", "a")},
    "ln a b": {("create", "b")},
    "ln -s a b": {("create", "b")},
    "rm a": {("delete", "a")},
    "chmod 600 a": {("attrib", "a")},
    "touch -d 2001-01-01 a": {("attrib", "a")},
    "mkdir d": {("create", "d")},
    "exec 3> t; echo x >&3; rm t; exec 3>&-": {("delete", "t"), ("close_write", "t")},
}


def test_operations_are_told(watch, root):
    """Each way to change a file or a name makes the events that say so."""
    for number in range(len(OPERATIONS)):
        (root / str(number)).mkdir()
        (root / str(number) / "a").write_text("data")
    here = watch()

    for number, command in enumerate(OPERATIONS):
        here.run(f"cd {number}; {command}")
    here.seen()

    missing = {
        command: expected - {(kind, path.removeprefix(f"{number}/")) for kind, path in here.told()
                             if path.startswith(f"{number}/")}
        for number, (command, expected) in enumerate(OPERATIONS.items())
    }  # fmt: skip
    assert not any(missing.values()), missing


def test_rename_over_a_file_names_both(watch, root):
    """A file that is written under a temporary name and renamed keeps its identity."""
    (root / "model").write_text("old")
    here = watch()

    here.run("echo new > model.tmp; mv model.tmp model")
    events = here.seen()

    (renamed,) = (each for each in events if each.kind == "rename")
    (closed,) = (each for each in events if each.kind == "close_write")
    assert (renamed.old_path, renamed.path) == (f"{root}/model.tmp", f"{root}/model")
    assert renamed.file == closed.file
    assert closed.file.inode == (root / "model").stat().st_ino


def test_close_goes_by_the_name_of_its_moment(watch, root):
    """A file that is renamed right after its close is closed, in the story, under the old name."""
    script = (
        "import os\n"
        "for number in range(300):\n"
        "    with open('tmp', 'w') as file: file.write('x')\n"
        "    os.replace('tmp', f'final{number}')\n"
    )
    here = watch()

    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, timeout=30)
    events = here.seen()

    names = {}
    for each in events:
        if each.kind == "rename":
            names[each.file] = each.path
        elif each.kind == "close_write":
            assert each.path == names.get(each.file, str(root / "tmp"))
    assert len(names) == 300


def test_order_of_one_process_is_exact(watch, root):
    """What a process wrote before it read something is told before it, however fast it went."""
    for name in "ABC":
        (root / name).write_text(f"{name}\n")
    here = watch()

    here.run("echo 1 > B; read x < A; echo 2 > B; read x < C; read x < A; echo 3 > C")
    events = here.seen()

    gate = [each for each in events if each.backend == "gate"]
    assert [(each.kind, each.path[-1]) for each in gate] == [
        ("open", "B"), ("close_write", "B"), ("open", "A"), ("close_read", "A"),
        ("open", "B"), ("close_write", "B"), ("open", "C"), ("close_read", "C"),
        ("open", "A"), ("close_read", "A"), ("open", "C"), ("close_write", "C"),
    ]  # fmt: skip
    assert {each.order for each in gate} == {"certain"}
    assert [each.seq for each in events] == sorted(each.seq for each in events)


def test_names_that_are_not_text_arrive(watch, root):
    """Names are bytes; every one can be told and found again."""
    here = watch()

    subprocess.run(["touch", b"caf\xe9 \n %41"], cwd=root, check=True, timeout=30)
    here.seen()

    assert ("close_write", "caf\udce9 \n %41") in here.told()


def test_large_file_can_be_opened(watch, root):
    """A file above 2 GiB is opened behind the gate as before."""
    with (root / "large").open("wb") as file:
        file.truncate(3 << 30)
    here = watch()

    here.run("head -c 1 large > /dev/null")
    here.seen()

    assert ("open", "large") in here.told()


def test_own_work_is_left_out(watch, root):
    """What the agent itself reads and writes makes no events, or it would never come to rest."""
    (root / "a").write_text("data")
    here = watch()

    (root / "a").read_text()
    (root / "b").write_text("data")
    here.seen()

    assert here.told() == []


def test_pipes_in_the_file_system_are_not_touched(watch, root):
    """A named pipe behind the gate joins its writer and its reader, and nobody else."""
    os.mkfifo(root / "pipe")
    here = watch()

    here.run("(sleep 0.1; cat pipe > out) & echo through > pipe; wait")

    assert (root / "out").read_text() == "through\n"
