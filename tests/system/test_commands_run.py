"""`provfs run` is transparent: status, signals and streams are those of the command."""

import json
import os
import signal
import subprocess
import sys

import pytest

from provfs.journal.record import Execution, Wait

CODE = "import sys; from provfs.cli.main import main; sys.exit(main())"
RUN = [sys.executable, "-c", CODE, "run"]


def _run(*words, **options):
    return subprocess.run([*RUN, *words], capture_output=True, check=False, timeout=60, **options)


def _hear_interrupts():
    """Undo what a shell does to its background jobs, in which nothing can be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("status", [0, 1, 3, 127, 255])
def test_exit_status_is_passed_through(home, status):
    """Whatever the command ends with, `provfs run` ends with."""
    assert _run("--", "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT])
def test_death_by_signal_is_passed_through(home, number):
    """A command that a signal ends leaves its starter ended by the same signal."""
    died = _run("--", "sh", "-c", f"kill -{int(number)} $$", preexec_fn=_hear_interrupts)

    assert died.returncode == -number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT])
def test_signal_reaches_the_command(home, number):
    """A signal that a process sends to `provfs run` arrives at the command, which decides."""
    script = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    command = [*RUN, "--", sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        assert run.stdout.readline() == b"ready\n"
        run.send_signal(number)
        assert run.wait(timeout=30) == 42


def test_streams_are_the_bytes_of_the_command(home):
    """Standard input, output and error are the command's own, byte by byte."""
    data = bytes(range(256)) * 1000
    script = (
        "import sys\ndata = sys.stdin.buffer.read()\n"
        "sys.stdout.buffer.write(data)\nsys.stderr.buffer.write(data[::-1])"
    )
    command = [sys.executable, "-c", script]
    bare = subprocess.run(command, input=data, capture_output=True, check=True)
    under = _run("--", *command, input=data)

    assert (under.stdout, under.stderr) == (bare.stdout, bare.stderr)


@pytest.mark.parametrize("form", [["--"], []])
def test_options_of_the_command_are_left_to_it(home, form):
    """What looks like an option behind the command belongs to the command."""
    result = _run(*form, "printf", "%s|", "--home", "x", "--", "--help")

    assert result.stdout == b"--home|x|--|--help|"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["no-such-command"], 127, b"command not found"),
        (["./no-such-file"], 127, b"No such file"),
        (["/"], 126, b"Is a directory"),
        (["./plain"], 126, b"Permission denied"),
        (["./orphan"], 126, b"bad interpreter"),
    ],
)
def test_command_that_cannot_start(home, work, words, status, message):
    """The message and the status are those that a shell gives."""
    (work / "plain").write_text("")
    (work / "orphan").write_text("#!/no/such/interpreter\n")
    (work / "orphan").chmod(0o755)

    result = _run("--", *words)

    assert result.returncode == status
    assert result.stderr.startswith(b"provfs: " + words[0].encode())
    assert message in result.stderr
    assert result.stdout == b""


def test_script_without_first_line_runs_in_a_shell(home, work):
    """A script that names no interpreter runs as it would from a shell."""
    (work / "script").write_text("echo $1\n")
    (work / "script").chmod(0o755)

    assert _run("--", "./script", "word").stdout == b"word\n"


def test_broken_pipe_behaves_as_without(home):
    """A command whose reader goes away ends silently, because SIGPIPE is as it was."""
    line = " ".join(f"'{word}'" for word in RUN) + " -- yes | head -n 1"
    result = subprocess.run(["bash", "-c", line], capture_output=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (0, b"y\n", b"")


def test_ignored_signal_stays_ignored(home):
    """Under nohup the command ignores SIGHUP as it would without `provfs run`."""
    show = "grep SigIgn /proc/self/status"
    bare = subprocess.run(["nohup", "sh", "-c", show], capture_output=True, check=True)
    under = subprocess.run(["nohup", *RUN, "sh", "-c", show], capture_output=True, check=True)

    assert under.stdout == bare.stdout


def test_unwritable_home_starts_nothing(work):
    """What cannot be recorded is not run."""
    (work / "file").write_text("")

    result = _run("--home", "file/home", "--", "touch", "made")

    assert result.returncode == 2
    assert b"cannot create the home" in result.stderr
    assert b"--home" in result.stderr
    assert not (work / "made").exists()


def test_broken_configuration_starts_nothing(home, work):
    """A mistake in the configuration is found before anything runs."""
    home.mkdir()
    (home / "config.toml").write_text("nonsense")

    result = _run("--", "touch", "made")

    assert result.returncode == 2
    assert not (work / "made").exists()


def test_disabled_is_just_the_command(home):
    """With PROVFS_DISABLED=1 nothing is recorded, made or added to the environment."""
    result = _run("--", "env", env={**os.environ, "PROVFS_DISABLED": "1"})

    assert result.returncode == 0
    assert b"PROVFS_RUN" not in result.stdout
    assert not home.exists()


def test_command_is_recorded_with_its_end(home, work, journal_records):
    """The journal has the command from its start to its end, with what it used."""
    _run("--", "sh", "-c", "exit 5", "--password=geheim")

    (begin,) = (one for one in journal_records(home) if isinstance(one, Execution))
    (end,) = (one for one in journal_records(home) if isinstance(one, Wait))
    assert begin.command == ("sh", "-c", "exit 5", "--password=***")
    assert begin.cwd == str(work)
    assert (end.execution, end.child, end.exit_code) == (begin.execution, begin.execution, 5)
    assert end.cpu_s is not None
    assert 0 < begin.started_ns < end.at_ns


def test_shell_is_the_parent_of_what_it_starts(home, work, journal_records):
    """Programs below a shell have the shell as their parent execution."""
    python = f'\'{sys.executable}\' -c \'open("a.csv", "w").write("1")\''
    _run("--", "sh", "-c", f"{python}; {python}; true")

    begun = [one for one in journal_records(home) if isinstance(one, Execution) and one.command]
    (shell,) = {one.execution for one in begun if one.command[0] == "sh"}
    children = {one.execution: one.parent for one in begun if one.command[0] != "sh"}
    assert list(children.values()) == [shell, shell]


def test_file_opened_by_a_child_python_is_captured(home, work, journal_records):
    """Plain `open()` in a Python that the command starts is seen."""
    (work / "in.csv").write_text("1")
    inner = "open('out.csv', 'w').write(open('in.csv').read())"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    result = _run("--", sys.executable, "-c", outer)

    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    seen = {(one.mode, one.uri) for one in journal_records(home) if hasattr(one, "mode")}
    assert {("read", f"file://{work}/in.csv"), ("write", f"file://{work}/out.csv")} <= seen


def test_home_of_the_project_is_found_from_below(work, monkeypatch):
    """The nearest `.provfs` upwards is used, also by what runs below another directory."""
    (work / ".provfs").mkdir()
    (work / "deep" / "down").mkdir(parents=True)

    _run("--", "true", cwd=work / "deep" / "down")

    assert list((work / ".provfs" / "journal").iterdir())


def test_ordinary_program_leaves_no_gap(home, tmp_path):
    """What provfs does inside of a program is not taken for something that went past capture."""
    (tmp_path / "a").write_text("one")
    script = "open('b', 'w').write(open('a').read())"

    assert _run("--", sys.executable, "-c", script, cwd=tmp_path).returncode == 0
    answer = subprocess.run(
        [sys.executable, "-c", CODE, "sql", "--json", "SELECT kind, detail FROM gaps"],
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(answer.stdout) == []
