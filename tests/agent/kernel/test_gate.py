"""The gate: who did it, also of the shortest programs; and that it never holds anybody long."""

import os
import signal
import subprocess
import sys
import time

import pytest

from provfs_agent.backends.kernel import backend as kernel_backend
from provfs_agent.backends.kernel.gate import SILENCE_S

PROGRAMS = 1000


@pytest.fixture
def root(tmp_path):
    """Return a directory on the filesystem of the machine: what is tested here is none of its."""
    path = (tmp_path / "root").resolve()
    path.mkdir()
    return path


def test_every_short_program_is_identified(watch, root):
    """Of 1,000 programs that live a few milliseconds, each is known with its command and parent."""
    (root / "a").write_text("data")
    here = watch()

    here.run(f"for i in $(seq {PROGRAMS}); do cat a; done > /dev/null; echo $$ > shell", wait_s=60)
    events = here.seen()

    shell = int((root / "shell").read_text())
    opened = [each for each in events if each.kind == "open" and each.path.endswith("/a")]
    actors = {each.actor.process: each.actor for each in opened}
    assert len(opened) == len(actors) == PROGRAMS
    for actor in actors.values():
        assert actor.certain
        assert actor.command == ("cat", "a")
        assert os.path.basename(actor.executable) in {"cat", "coreutils", "busybox"}
        assert actor.cwd == str(root)
        assert actor.parent.pid == shell
    assert {each.actor.process for each in events if each.kind == "close_read"} == set(actors)


def test_program_after_exec_is_another_program(watch, root):
    """A process that replaces its program is one process, described by what it runs at the time."""
    (root / "a").write_text("data")
    here = watch()

    here.run("sh -c 'read x < a || :; exec cat a' > /dev/null")
    events = here.seen()

    first, second = (each.actor for each in events if each.kind == "open")
    assert first.process == second.process
    assert first.command[0] == "sh"
    assert second.command == ("cat", "a")


def test_pipes_of_a_shell_are_known(watch, root):
    """The two ends of a pipe carry the same name, so that what went through it can be followed."""
    (root / "a").write_text("data\n")
    here = watch()

    here.run("cat a | sort -o b")
    events = here.seen()

    actors = {each.actor.command[0]: each.actor for each in events if each.kind == "open"}
    assert actors["cat"].output_pipe.startswith("pipe:[")
    assert actors["cat"].output_pipe == actors["sort"].input_pipe


def test_burst_of_openings_loses_nothing(watch, root):
    """Openings wait for the gate, so that no rate is too high for it; the agent can be slow."""
    script = "import os\nfor _ in range(20_000): os.close(os.open('a', os.O_RDONLY))\n"
    (root / "a").write_text("data")
    here = watch()

    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, timeout=60)
    events = here.seen()

    assert sum(each.kind == "open" for each in events) == 20_000
    assert sum(each.kind == "close_read" for each in events) == 20_000
    assert not [each for each in events if each.kind == "overflow"]


def test_killed_gate_lets_everybody_go_and_comes_back_once(watch, root):
    """A gate that dies holds nobody; the first time it is started again, with a gap."""
    (root / "a").write_text("data")
    here = watch()

    os.kill(here.gate_pid(), signal.SIGKILL)
    here.run("cat a > /dev/null", wait_s=5)
    (gap,) = [each for each in here.seen(_has_overflow) if each.kind == "overflow"]
    here.run("cat a > /dev/null")
    here.seen()

    assert "started again" in gap.detail
    assert here.backend.status().level == "A"
    assert ("open", "a") in here.told(backend="gate")


def test_gate_that_dies_twice_is_given_up(watch, root):
    """The second death within minutes steps down: openings are seen without anybody waiting."""
    (root / "a").write_text("data")
    here = watch()
    for _ in range(2):
        os.kill(here.gate_pid(), signal.SIGKILL)
        here.seen(_has_overflow)
        here.events.clear()

    here.run("cat a > /dev/null")
    here.seen()

    status = here.backend.status()
    assert (status.level, status.attribution) == ("B", "best-effort")
    assert "twice" in status.stepped_down
    assert {("open", "a"), ("close_read", "a")} <= set(here.told(backend="ledger"))


def test_stopped_gate_is_killed_from_outside(watch, root):
    """Openers behind a gate that does not run wait little more than two seconds, then go on."""
    (root / "a").write_text("data")
    here = watch()

    os.kill(here.gate_pid(), signal.SIGSTOP)
    began = time.monotonic()
    here.run("cat a > /dev/null")

    assert time.monotonic() - began < SILENCE_S * 4
    gaps = [each for each in here.seen(_has_overflow) if each.kind == "overflow"]
    assert "an opener waited" in gaps[0].detail
    assert here.backend.status().level == "B"


def test_gate_that_does_not_turn_ends_itself(watch, root, monkeypatch):
    """The kernel's timer ends a gate that hangs, also when nobody outside looks."""
    monkeypatch.setattr(kernel_backend.Guard, "watch", lambda _self, _gate: None)
    here = watch()
    pid = here.gate_pid()
    process = here.backend._gate.process

    os.kill(pid, signal.SIGSTOP)
    time.sleep(SILENCE_S + 0.1)
    os.kill(pid, signal.SIGCONT)

    assert process.wait(5) == -signal.SIGALRM


def test_slow_gate_is_given_up(watch, root):
    """A gate whose answers take too long for long enough is given up, with the reason."""
    (root / "a").write_text("data")
    here = watch(patience_s=1.0)
    opener = subprocess.Popen(["sh", "-c", "while :; do read x < a || :; done"], cwd=root)
    try:
        deadline = time.monotonic() + 30
        while here.gate_pid() is not None and time.monotonic() < deadline:
            pid = here.gate_pid()
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.2)
            os.kill(pid, signal.SIGCONT)
            here.events += here.backend.events(0.02)
    finally:
        opener.kill()
        opener.wait()

    assert here.backend.status().level == "B"
    assert "more than 50 ms" in here.backend.status().stepped_down


@pytest.mark.usefixtures("_privileged")
def test_agent_that_ends_takes_the_gate_along(root):
    """When the agent is killed, its gate and its ledger end, and nobody waits any more."""
    (root / "a").write_text("data")
    script = (
        "import sys, time\n"
        "from provfs_agent.backends.kernel.backend import KernelBackend\n"
        "from provfs_agent.events import WatchSettings\n"
        "backend = KernelBackend(sys.argv[1], WatchSettings(), with_gate=True)\n"
        "backend.start()\n"
        "print(backend._gate.process.pid, backend._ledger.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    agent = subprocess.Popen(
        [sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True
    )
    children = [os.pidfd_open(int(pid)) for pid in agent.stdout.readline().split()]

    agent.kill()
    agent.wait()
    agent.stdout.close()
    subprocess.run(["cat", str(root / "a")], check=True, timeout=5, stdout=subprocess.DEVNULL)

    import select

    for child in children:
        assert select.select([child], [], [], 5)[0]
        os.close(child)


@pytest.mark.usefixtures("_privileged")
@pytest.mark.parametrize("path", ["/", "/usr", "/usr/share", "/proc", "/var/log", "/var", "/etc"])
def test_system_never_waits_for_a_gate(path):
    """A root that holds the system itself is refused a gate before anything is marked."""
    from provfs_agent.events import WatchSettings

    backend = kernel_backend.KernelBackend(path, WatchSettings(), with_gate=True)

    with pytest.raises(PermissionError, match="wait for"):
        backend.start()
    backend.stop()


def _has_overflow(events):
    return any(each.kind == "overflow" for each in events)
