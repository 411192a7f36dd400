"""How the preload library goes on into what a program starts, and what it says where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import xxhash

from provfs.capture.preload.programs import blind
from provfs.journal import record
from tests.system.test_preload import Preloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="preloading is for Linux")

WAYS = (
    *("execl", "execlp", "execle", "execv", "execvp", "execvpe", "fexecve", "clearenv"),
    *("posix_spawn", "posix_spawnp", "vfork", "fork", "system", "popen"),
)


@pytest.fixture
def run(library, tmp_path) -> Preloaded:
    """Return what runs a command with the library; the file A holds two lines."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "A").write_text("b\na\n")
    return Preloaded(library, tmp_path / "home", work)


def _copied(run):
    """Return whether exactly one program read A and wrote B, and which records describe it."""
    (reader,) = {
        r.execution for r in run.of(record.Access) if (r.mode, run.name(r.uri)) == ("read", "A")
    }
    (writer,) = {
        r.execution for r in run.of(record.Access) if (r.mode, run.name(r.uri)) == ("write", "B")
    }
    assert reader == writer
    return [r for r in run.of(record.Execution) if r.execution == writer]


@pytest.mark.parametrize("how", WAYS)
def test_program_is_followed_however_it_is_started(run, how):
    """Every way to start a program keeps the library, also with an empty environment."""
    starts = run.compiled("starts")

    run(starts, how)

    described = _copied(run)
    assert described[-1].command[0] == "cp"
    if how not in {"system", "popen"} and not how.startswith(("exec", "fexec", "clear")):
        assert {r.parent for r in described} != {None}


def test_emptied_environment_is_no_way_out(run):
    """`env -i` takes our variables away, and the program behind it is seen all the same."""
    run("env", "-i", "cp", "A", "B")

    assert run.accesses() == [("cp", "read", "A"), ("cp", "write", "B")]


def test_program_may_be_started_without_capture_on_purpose(run):
    """PROVFS_DISABLED in the environment of a child leaves it and all below it out."""
    run("env", "PROVFS_DISABLED=1", "sh", "-c", "env -i cp A B")

    assert run.accesses() == []


def test_chain_of_images_is_one_execution(run):
    """Programs that replace each other are one process: its reads and writes belong together."""
    run("sh", "-c", "exec env -i sh -c 'exec nice cp A B'")

    assert len({r.execution for r in run.of(record.Execution)}) == 1


def test_script_with_an_interpreter_is_followed(run):
    """A file that names its interpreter runs like any program."""
    script = run.work / "step.sh"
    script.write_text("#!/bin/sh\ncp A B\n")
    script.chmod(0o755)

    run("./step.sh")

    assert run.accesses() == [("cp", "read", "A"), ("cp", "write", "B")]


@pytest.mark.parametrize("start", ["exec ./static", "./static", "env ./static; :"])
def test_static_program_is_a_gap_with_its_command(run, start):
    """What the library cannot be in is told: who it was, under whom, and why."""
    os.rename(run.compiled("static", "-static"), run.work / "static")

    run("sh", "-c", start)

    (gap,) = run.of(record.Gap)
    assert (gap.kind, gap.channel) == ("bypass", "preload")
    assert gap.detail.endswith("static: statically linked")
    described = [r for r in run.of(record.Execution) if r.execution == gap.execution]
    assert described[-1].command[-1] == "./static"


def test_set_user_id_program_is_a_gap(run):
    """The loader drops the library from a program that takes other rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a program that takes another user's rights")
    program = run.work / "other"
    program.write_bytes(run.compiled("static").read_bytes())
    os.chown(program, 65534, 65534)
    program.chmod(0o4755)

    subprocess.run(
        ["sh", "-c", "./other; :"],
        cwd=run.work,
        env=run.environment,
        check=True,
        stderr=subprocess.DEVNULL,
    )

    (gap,) = run.of(record.Gap)
    assert gap.detail.endswith("other: set-user-id")


def test_both_halves_agree_about_programs(run):
    """What `provfs run` thinks of a program is what the library thinks of it."""
    static = run.compiled("static", "-static").rename(run.work / "static")
    dynamic = run.compiled("static")
    script = run.work / "step"
    script.write_text(f"#! {static} -x\n")

    assert blind(str(static)) == blind(str(script)) == "statically linked"
    assert blind(str(dynamic)) is blind("/nowhere") is blind(str(run.work / "A")) is None


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("openat", [("read", "A")]),
        ("openat2", [("read", "A")]),
        pytest.param(
            "open",
            [("read", "A")],
            marks=pytest.mark.skipif(os.uname().machine != "x86_64", reason="no such system call"),
        ),
        ("proc", []),
    ],
)
def test_opening_by_direct_system_call_is_seen(run, how, expected):
    """`syscall(SYS_openat, ...)` is an opening like any other, and no gap."""
    run(run.compiled("direct"), how)

    assert [(mode, name) for _, mode, name in run.accesses()] == expected
    assert not run.of(record.Gap)


def test_other_direct_system_calls_are_a_gap(run):
    """What goes to the kernel past the functions that are followed is told, once."""
    run(run.compiled("direct"), "unlinkat")

    (gap,) = run.of(record.Gap)
    assert gap.kind == "bypass"


def test_io_uring_is_a_gap(run):
    """A ring of requests to the kernel cannot be followed, and is told."""
    program = run.compiled("direct")
    found = subprocess.run([program, "io_uring"], cwd=run.work, env=run.environment, check=False)
    if found.returncode == 77:
        pytest.skip("this kernel forbids io_uring")

    assert [gap.detail.split(":")[0] for gap in run.of(record.Gap)] == ["io_uring"]


@pytest.mark.parametrize(
    "command",
    [
        ["sort", "-o", "A", "A"],
        ["sed", "-i", "s/a/c/", "A"],
        ["gzip", "A"],
        ["sh", "-c", 'read line < A; echo "$line" > A'],
        ["sh", "-c", "read line < A; exec mv B A"],
    ],
    ids=["cut", "replaced", "removed", "emptied", "by-another"],
)
def test_what_was_read_is_hashed_before_the_program_destroys_it(run, command):
    """Cutting, emptying, replacing or removing a file that was read leaves its digest behind.

    What another program destroys has none: it does not know who has read it.
    """
    (run.work / "B").write_text("new\n")
    run(*command)

    reads = [r for r in run.of(record.Access) if (r.mode, run.name(r.uri)) == ("read", "A")]
    content = xxhash.xxh3_128_hexdigest(b"b\na\n")
    by_another = "exec mv" in command[-1]
    assert [r.digest for r in reads if r.digest] == [f"xxh3-128:{content}"] * (not by_another)
    assert sum(r.opens for r in reads) == 1
    assert len({r.id for r in reads}) == 1


def test_each_of_five_checkpoints_has_its_digest(run):
    """What is overwritten before anybody could look is hashed when it is closed."""
    run(run.compiled("checkpoints"))

    assert [r.digest for r in run.of(record.Access)] == [
        f"xxh3-128:{xxhash.xxh3_128_hexdigest(f'step {i}'.encode())}" for i in range(5)
    ]
