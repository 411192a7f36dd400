"""What the preload library journals of programs that know nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provfs.capture import preload
from provfs.config import Settings, prepare_home
from provfs.journal import record
from tests.system.test_preload_programs import C_PROGRAMS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="preloading is for Linux")


class Preloaded:
    """Runs commands with the library in a directory of their own, and reads what was journalled."""

    def __init__(self, library: Path, home: Path, work: Path) -> None:
        self.home, self.work = home, work
        settings = Settings(home)
        prepare_home(settings)
        self.environment = {**os.environ, **preload.environment(settings, {}, library)}

    def __call__(self, *command, **kwargs):
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60} | kwargs
        finished = subprocess.run(
            command, cwd=self.work, env=self.environment, check=False, **options
        )
        assert finished.returncode == 0, finished.stderr
        assert not finished.stderr
        return finished

    def compiled(self, name, *flags):
        source = self.work.parent / f"{name}.c"
        source.write_text(textwrap.dedent(C_PROGRAMS[name]))
        program = self.work.parent / f"{name}.bin"
        subprocess.run(["cc", "-O2", *flags, "-pthread", "-o", program, source], check=True)
        return program

    def records(self):
        found = []
        for path in sorted((self.home / "journal").iterdir()):
            lines = path.read_bytes().splitlines()
            assert isinstance(record.decode(lines[0]), record.Journal)
            found += [record.decode(line) for line in lines]
        return found

    def name(self, uri):
        return uri.removeprefix(f"file://{self.work}/")

    def accesses(self):
        """Return (program, mode, name) of every access; a command names its program."""
        commands = {r.execution: r for r in self.records() if isinstance(r, record.Execution)}
        return sorted(
            {
                (commands[r.execution].command[0], r.mode, self.name(r.uri))
                for r in self.records()
                if isinstance(r, record.Access)
            }
        )

    def of(self, kind):
        return [r for r in self.records() if isinstance(r, kind)]


@pytest.fixture
def run(library, tmp_path) -> Preloaded:
    """Return what runs a command with the library; the file A holds two lines."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "A").write_text("b\na\n")
    return Preloaded(library, tmp_path / "home", work)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["cp", "A", "B"], [("cp", "read", "A"), ("cp", "write", "B")]),
        (["sort", "-o", "B", "A"], [("sort", "read", "A"), ("sort", "write", "B")]),
        (["gzip", "-k", "A"], [("gzip", "read", "A"), ("gzip", "write", "A.gz")]),
        (["tee", "B"], [("tee", "write", "B")]),
        (["ls", "-l", "A"], []),
        (["cat", "/etc/passwd"], []),
        (["bash", "-c", "cat A > B; :"], [("cat", "read", "A"), ("cat", "write", "B")]),
        (["bash", "-c", "sort < A | gzip > B"], [("gzip", "write", "B"), ("sort", "read", "A")]),
        (["sh", "-c", "exec cat A > B"], [("cat", "read", "A"), ("cat", "write", "B")]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
def test_tool_is_seen_with_what_it_read_and_wrote(run, command, expected):
    """Each tool is credited with its own files, also with those that a shell opened for it."""
    run(*command)

    assert run.accesses() == expected
    assert not run.of(record.Gap)


def test_version_that_was_written_has_its_final_fingerprint(run):
    """A written version has the fingerprint that the file has afterwards."""
    run("cp", "A", "B")

    (write,) = [r for r in run.of(record.Access) if r.mode == "write"]
    stat = (run.work / "B").stat()
    assert (
        write.fingerprint
        == f"stat:{stat.st_dev}:{stat.st_ino}:4:{stat.st_mtime_ns}:{stat.st_ctime_ns}"
    )
    (opening,) = run.of(record.Opening)
    assert opening.id == write.id


def test_group_of_commands_makes_a_chain_of_versions(run):
    """`{ cat A; cat C; } > B` makes a version by each, the second from the first."""
    (run.work / "C").write_text("c\n")

    run("bash", "-c", "{ cat A; cat C; } > B; :")

    commands = {r.execution: r.command for r in run.of(record.Execution)}
    (second,) = [name for name, command in commands.items() if command == ("cat", "C")]
    (first,) = [name for name, command in commands.items() if command == ("cat", "A")]
    written = {
        r.execution: r.fingerprint
        for r in run.of(record.Access)
        if r.mode == "write" and run.name(r.uri) == "B"
    }
    prior = [
        r.fingerprint
        for r in run.of(record.Access)
        if r.execution == second and r.mode == "read" and run.name(r.uri) == "B"
    ]
    assert prior == [written[first]]
    assert written[second] != written[first]


def test_standard_streams_of_the_caller_belong_to_the_program(run):
    """Files that were opened before the program started count where it really used them."""
    with (run.work / "A").open("rb") as stdin, (run.work / "B").open("wb") as stdout:
        run("sort", stdin=stdin, stdout=stdout, capture_output=False)
    with (run.work / "A").open("rb") as stdin, (run.work / "C").open("wb") as stdout:
        run("true", stdin=stdin, stdout=stdout, capture_output=False)

    assert run.accesses() == [("sort", "read", "A"), ("sort", "write", "B")]


def test_pipes_between_programs_can_be_followed(run):
    """Each program of a pipeline names its pipes, also one that opens no file itself."""
    run("bash", "-c", "cat A | tr a b | gzip > B")

    lines = (
        line for path in (run.home / "journal").iterdir() for line in path.read_text().splitlines()
    )
    ends = {}
    for fields in map(json.loads, lines):
        if fields["type"] == "execution":
            ends[fields["command"][0]] = (fields.get("input_pipe"), fields.get("output_pipe"))
    assert ends["cat"][1] == ends["tr"][0] is not None
    assert ends["tr"][1] == ends["gzip"][0] is not None


def test_later_image_of_a_process_keeps_its_parent(run):
    """A process that replaces itself goes on under its name, with the parent that it had."""
    run("bash", "-c", "(exec sh -c 'cat A > C; exec cat A > B'); :")

    (cat,) = {r.execution for r in run.of(record.Access) if run.name(r.uri) == "B"}
    described = [r for r in run.of(record.Execution) if r.execution == cat]
    assert {r.command[0] for r in described} >= {"cat"}
    assert {r.parent for r in described} == {described[0].parent} != {None}


def test_rename_and_removal_are_recorded(run):
    """`mv` and `rm` leave a rename and a removal, with the state before."""
    run("mv", "A", "B")
    run("rm", "B")

    (rename,) = run.of(record.Rename)
    (remove,) = run.of(record.Remove)
    assert (run.name(rename.uri), run.name(rename.to)) == ("A", "B")
    assert run.name(remove.uri) == "B"
    assert rename.fingerprint.split(":")[2] == remove.fingerprint.split(":")[2]


def test_mapped_files_are_seen(run):
    """Files that are read and written through memory maps only are seen as opened."""
    run(run.compiled("mapped"))

    assert [(mode, name) for _, mode, name in run.accesses()] == [("read", "A"), ("write", "B")]


def test_unnamed_file_that_gets_a_name_is_written_there(run):
    """A file that is made without a name and linked when it is complete appears under its name."""
    run(run.compiled("unnamed"))

    assert [(mode, name) for _, mode, name in run.accesses()] == [("write", "B")]


def test_program_that_closes_everything_keeps_its_own_files(run):
    """A program may close all descriptors, also unknown ones, and its files stay its own."""
    run(run.compiled("sloppy"))

    assert [(run.work / name).read_text() for name in "XYZ"] == ["one", "two", "3"]
    assert [(mode, name) for _, mode, name in run.accesses()] == [("write", name) for name in "XYZ"]
    assert all(
        r.size_bytes == (run.work / run.name(r.uri)).stat().st_size for r in run.of(record.Access)
    )


def test_fork_children_are_executions_of_the_same_program(run):
    """A fork that goes on without exec has an identity of its own and the program of its parent."""
    run(run.compiled("forks"))

    executions = run.of(record.Execution)
    assert len(executions) == 4
    assert len({r.program for r in executions}) == 1
    assert {r.parent for r in executions} == {None, executions[0].program}
    assert sum(r.mode == "read" for r in run.of(record.Access)) == 4
    assert sorted(r.exit_code for r in run.of(record.Wait)) == [0, 1, 2]


def test_threads_lose_nothing(run):
    """Eight threads that write and read 1,000 files each give exactly these records."""
    (run.work / "in").mkdir()

    run(run.compiled("threads"))

    accesses = run.of(record.Access)
    for mode in ("read", "write"):
        assert len({r.uri for r in accesses if r.mode == mode}) == 8000
    assert len(accesses) == 16000
    assert len({r.id for r in accesses}) == 16000
    assert not any(r.lost_records for r in run.of(record.Exit))


def test_repeated_reads_are_counted(run):
    """20,000 openings of one unchanged file are two records that count them all."""
    script = "import os\nfor _ in range(20_000): os.close(os.open('A', os.O_RDONLY))"

    run(sys.executable, "-S", "-c", script)

    reads = [r for r in run.of(record.Access) if run.name(r.uri) == "A"]
    assert sum(r.opens for r in reads) == 20_000
    assert len(reads) == 2
    assert len({r.id for r in reads}) == 1


def test_signal_handler_may_open_files(run):
    """A handler that opens files while files are opened neither hangs nor breaks a line."""
    run(run.compiled("signals"))

    assert {run.name(r.uri) for r in run.of(record.Access)} >= {"A", "C"}


def test_killed_writer_leaves_an_opening(run):
    """What a killed program had read is there, and what it was writing stands as opened."""
    process = subprocess.Popen(
        [run.compiled("slow")], cwd=run.work, env=run.environment, stdout=subprocess.PIPE
    )
    assert process.stdout.read(1) == b"!"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    assert [run.name(r.uri) for r in run.of(record.Access)] == ["A"]
    assert [run.name(r.uri) for r in run.of(record.Opening)] == ["B"]
    assert not run.of(record.Exit)


def test_program_with_sanitizer_still_starts(run):
    """A program that is built with an address sanitizer runs, and is seen."""
    try:
        program = run.compiled("mapped", "-fsanitize=address")
    except subprocess.CalledProcessError:
        pytest.skip("no address sanitizer")

    run(program)

    assert [(mode, name) for _, mode, name in run.accesses()] == [("read", "A"), ("write", "B")]


def test_static_program_is_not_seen_and_not_disturbed(run):
    """A static program ignores the library without a word."""
    run(run.compiled("mapped", "-static"))

    assert (run.work / "B").read_bytes() == b"\nb"
    assert run.records() == []


def test_full_journal_directory_changes_nothing(run):
    """Where the journal cannot be written, programs run as they would."""
    run.environment["PROVFS_PRELOAD_JOURNAL"] = "/proc/nowhere"

    run("cp", "A", "B")

    assert (run.work / "B").read_text() == "b\na\n"


def test_arrow_and_duckdb_are_seen(run):
    """What pyarrow and DuckDB read and write by plain paths is seen."""
    pytest.importorskip("pyarrow")
    script = textwrap.dedent("""
        import pyarrow, pyarrow.parquet, duckdb
        pyarrow.parquet.write_table(pyarrow.table({"a": [1, 2]}), "t.parquet")
        pyarrow.parquet.read_table("t.parquet")
        duckdb.sql("COPY (SELECT * FROM 't.parquet') TO 'o.csv'")
    """)

    run(sys.executable, "-c", script)

    written = {run.name(r.uri) for r in run.of(record.Access) if r.mode == "write"}
    moved = {run.name(r.uri): run.name(r.to) for r in run.of(record.Rename)}
    assert {moved.get(name, name) for name in written} == {"t.parquet", "o.csv"}
    assert {run.name(r.uri) for r in run.of(record.Access) if r.mode == "read"} == {"t.parquet"}


def test_python_names_itself_the_same(run):
    """The identity that the library hands on is the one that Python's own capture takes."""
    script = textwrap.dedent("""
        from provfs.capture.execution import identify
        me = identify()
        print(me.text, me.program)
        open("A").close()
    """)

    finished = run(sys.executable, "-c", script, text=True)

    (execution,) = run.of(record.Execution)
    assert finished.stdout.split() == [execution.execution, execution.program]


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java")
def test_java_runs(run):
    """A virtual machine with many threads and handlers of its own starts and ends."""
    run("java", "--version")
