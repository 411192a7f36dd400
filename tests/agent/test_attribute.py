"""Who a process is, read while it lives."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from provfs.process import start_of
from provfs_agent.attribute import ProcessFacts, ProcessReader, describe, holders
from provfs_agent.events import FileKey, ProcessKey

if sys.platform != "linux":
    pytest.skip("/proc is Linux's", allow_module_level=True)

FACTS = ProcessFacts(
    pid=7, start=70, ancestors=((6, 60), (5, 50)), command=b"train\0--token\0hf_abc\0--lr\0000.1\0",
    executable=b"/opt/train (deleted)", cwd=b"/work", user=os.getuid(), login_user=b"4294967295",
    container=b"", environment=(b"RANK=1",), input_pipe=b"pipe:[12]", output_pipe=b"", certain=True,
)  # fmt: skip


@pytest.fixture
def program():
    started = []

    def start(*command, **how):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, **how)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_living_process_is_read(program, tmp_path):
    """Command, program, directory, user, parents and pipes are those of the process."""
    variables = {**os.environ, "RANK": "3", "SECRET": "x"}
    process = program("sh", "-c", "echo ready; read x", cwd=tmp_path, env=variables)
    process.stdout.readline()

    number, facts, fresh = ProcessReader(held=False).look(process.pid)
    actor = describe(facts)

    assert number > 0
    assert fresh
    assert actor.process == ProcessKey(process.pid, start_of(process.pid))
    assert actor.parent == ProcessKey(os.getpid(), start_of(os.getpid()))
    assert actor.ancestors[0] == actor.parent
    assert actor.command == ("sh", "-c", "echo ready; read x")
    assert actor.cwd == str(tmp_path)
    assert actor.environment == ("RANK=3",)
    assert actor.input_pipe.startswith("pipe:[")
    assert actor.input_pipe != actor.output_pipe
    assert actor.certain


def test_process_is_read_once_and_again_after_exec(program):
    """A process costs its reading once; another program in it is noticed."""
    reader = ProcessReader(held=False)
    process = program("sh", "-c", "echo ready; read x; exec sleep 60")
    process.stdout.readline()

    first = reader.look(process.pid)
    again = reader.look(process.pid)
    process.stdin.write(b"\n")
    process.stdin.flush()
    deadline = 2000
    while (later := reader.look(process.pid))[1].command != b"sleep\x0060\0" and deadline:
        deadline -= 1

    assert again[0] == first[0]
    assert not again[2]
    assert later[0] > first[0]
    assert later[1].start == first[1].start


def test_pipe_that_was_closed_stays_that_of_its_process(program):
    """Programs close their input before they end: then it must still be known what fed them."""
    reader = ProcessReader(held=False)
    process = program("sh", "-c", "echo ready; read x; exec 0<&-; exec sleep 60")
    process.stdout.readline()

    first = reader.look(process.pid)[1]
    process.stdin.write(b"\n")
    process.stdin.flush()
    deadline = 2000
    while (later := reader.look(process.pid)[1]).command != b"sleep\x0060\0" and deadline:
        deadline -= 1

    assert not os.path.lexists(f"/proc/{process.pid}/fd/0")
    assert later.input_pipe == first.input_pipe != b""


def test_ended_process_is_known_for_a_moment_only(program, monkeypatch):
    """Events of a process that just ended are its own; later its number can be another's."""
    reader = ProcessReader(held=False)
    process = program("sleep", "60")
    number, _, _ = reader.look(process.pid)
    process.kill()
    process.wait()

    assert reader.look(process.pid)[0] == number
    monkeypatch.setattr("provfs_agent.attribute._NUMBER_FREE_NS", 0)
    assert reader.look(process.pid) == (0, None, False)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_unknown_process_is_nobody(pid):
    """A process that is not visible has no facts, and nothing fails."""
    assert ProcessReader(held=True).look(pid) == (0, None, False)


def test_many_processes_are_forgotten_again(program, monkeypatch):
    """What is known is limited, and so are the descriptors that it holds."""
    monkeypatch.setattr("provfs_agent.attribute._KNOWN_PROCESSES", 2)
    reader = ProcessReader(held=False)
    pids = [program("sleep", "60").pid for _ in range(4)]
    before = len(os.listdir("/proc/self/fd"))

    for pid in pids:
        reader.look(pid)

    assert len(os.listdir("/proc/self/fd")) == before + 2
    assert reader.look(pids[0])[0] == 5


def test_secrets_are_removed_and_nothing_is_invented():
    """An actor holds no secret, and None for what is not so."""
    actor = describe(FACTS)

    assert actor.command == ("train", "--token", "***", "--lr", "0.1")
    assert actor.executable == "/opt/train"
    assert actor.login_user is None
    assert actor.container is None
    assert actor.output_pipe is None
    assert actor.parent == ProcessKey(6, 60)
    assert replace(actor, certain=False) != actor


def test_holder_of_a_file_is_found(program, tmp_path):
    """Without privilege, whoever has a file open can be looked for."""
    path = tmp_path / "held"
    path.write_text("x")
    status = path.stat()
    process = program("sh", "-c", f"exec 9< {path}; echo ready; read x")
    process.stdout.readline()

    found = holders([FileKey(status.st_dev, status.st_ino), FileKey(0, 1)])

    assert process.pid in found[FileKey(status.st_dev, status.st_ino)]
    assert FileKey(0, 1) not in found
