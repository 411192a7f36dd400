"""Programs end, print and leave behind under capture what they do without it, also unusual ones."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the library is for Linux")

RUN = [
    sys.executable,
    "-c",
    "import sys; from provfs.cli.main import main; sys.exit(main())",
    "run",
]

PYTHON = {
    "time limit while a child is waited for": """
        import signal, subprocess, sys
        def stop(*_):
            raise TimeoutError
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"])
        except TimeoutError:
            print("stopped")
        """,
    "lock while the locked file is cut": """
        import fcntl, os
        from locks import other
        file = os.open("state", os.O_RDWR)
        fcntl.lockf(file, fcntl.LOCK_EX)
        os.read(file, 9)
        os.ftruncate(file, 0)
        print(other())
        """,
    "lock while the locked file is appended to": """
        import fcntl, os
        from locks import other
        file = os.open("state", os.O_RDWR)
        fcntl.lockf(file, fcntl.LOCK_EX)
        more = open("state", "a")
        more.write("more")
        more.flush()
        print(other())
        """,
    "lock while the locked file gets a name more": """
        import fcntl, os
        from locks import other
        file = os.open("state", os.O_RDWR)
        fcntl.lockf(file, fcntl.LOCK_EX)
        os.read(file, 9)
        os.link("state", "same")
        print(other())
        """,
    "lock while the locked file is renamed": """
        import fcntl, os
        from locks import other
        file = os.open("state", os.O_RDWR)
        fcntl.lockf(file, fcntl.LOCK_EX)
        os.write(file, b"more")
        os.rename("state", "other")
        os.rename("other", "state")
        print(other())
        """,
    "modules out of reach": """
        import os, subprocess, sys
        sys.path.clear()
        sys.path_hooks.clear()
        print(subprocess.run(["sh", "-c", "exit 3"]).returncode)
        print(os.waitpid(os.spawnlp(os.P_NOWAIT, "true", "true"), 0)[1])
        with open("kept", "w") as file:
            file.write("some")
        os.rename("kept", "other")
        """,
    "arguments that leave no room": """
        import subprocess
        few = {"PATH": "/usr/bin:/bin"}
        most, too_many = 0, 131_000
        while too_many - most > 1:
            size = (most + too_many) // 2
            try:
                subprocess.run(["true", *["y" * 100_000] * 20, "z" * size], env=few)
                most = size
            except OSError:
                too_many = size
        print(most)
        """,
}
LOCKS = """
import subprocess, sys
PROBE = '''
import fcntl, os
try:
    fcntl.lockf(os.open("state", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("has got it")
except OSError:
    print("has to wait")
'''
def other():
    return subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True).stdout
"""
C = {
    "leaves without writing what its streams hold": """
        #include <stdio.h>
        #include <unistd.h>
        int main(void) {
            FILE *kept = fopen("kept", "w");
            fputs("lost by the program", kept);
            fputs("this, too", stdout);
            _exit(3);
        }""",
    "works on the smallest stacks": """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <unistd.h>
        static void keep(const char *name) {
            char c = 'x';
            int in = open("state", O_RDONLY), out = open(name, O_WRONLY | O_CREAT, 0600);
            if (read(in, &c, 1) == 1 && write(out, &c, 1) == 1) close(in);
            close(out);
        }
        static void *run(void *unused) {
            keep("first");
            rename("first", "second");
            link("second", "third");
            unlink("second");
            return unused;
        }
        static void crashed(int number) { keep("crash"); _exit(3 + (number != SIGSEGV)); }
        int main(void) {
            static char room[8192];
            stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
            struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
            pthread_attr_t smallest;
            pthread_t thread;
            pthread_attr_init(&smallest);
            pthread_attr_setstacksize(&smallest, 16384);
            if (pthread_create(&thread, &smallest, run, NULL)) return 9;
            pthread_join(thread, NULL);
            sigaltstack(&stack, NULL);
            sigaction(SIGSEGV, &action, NULL);
            *(volatile int *)8 = 1;
            return 8;
        }""",
    "filters its own system calls": """
        #include <fcntl.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stddef.h>
        #include <stdio.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        #define ALLOWED BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
        #define LET(n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1), ALLOWED
        int main(void) {
            int out = open("kept", O_WRONLY | O_CREAT, 0600);
            struct sock_filter rows[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                LET(SYS_read), LET(SYS_write), LET(SYS_close), LET(SYS_exit_group),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
            struct sock_fprog filter = {sizeof rows / sizeof *rows, rows};
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (prctl(PR_SET_SECCOMP, 2, &filter)) return 9;
            if (write(out, "q", 1) != 1) return 8;
            close(out);
            _exit(4);
        }""",
}


@pytest.fixture
def alike(home: Path, tmp_path: Path):
    """Run a command bare and captured, each in a folder of its own; assert that all is the same."""

    def check(command: list[str], files: dict[str, str], **options: object) -> tuple[int, str]:
        found = []
        for name, prefix in (("bare", []), ("captured", [*RUN, "--home", str(home), "--"])):
            folder = tmp_path / name
            folder.mkdir()
            for file, text in files.items():
                (folder / file).write_text(text)
            done = subprocess.run(
                [*prefix, *command],
                check=False,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                **options,  # type: ignore[call-overload] # those of `run`
            )
            left = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
            found.append((done.returncode, done.stdout, done.stderr, left))
        assert found[1] == found[0]
        return found[0][0], found[0][1]

    return check


def _compiled(tmp_path: Path, source: str) -> str:
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    (tmp_path / "program.c").write_text(source)
    command = ["gcc", "-w", "-pthread", "-o", tmp_path / "program", tmp_path / "program.c"]
    subprocess.run(command, check=True)
    return str(tmp_path / "program")


@pytest.mark.parametrize("what", PYTHON)
def test_program_in_python_does_not_notice_capture(alike, what):
    """Time limits, locks, closed streams and long command lines are as without capture."""
    files = {"program.py": PYTHON[what], "locks.py": LOCKS, "state": "some"}
    files["program.py"] = "if True:" + files["program.py"]

    status, _ = alike(
        [sys.executable, "program.py"], files, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )

    assert status == 0


@pytest.mark.parametrize("what", C)
def test_program_in_c_does_not_notice_capture(alike, tmp_path, what):
    """Buffers at `_exit`, small stacks and filters of system calls are as without capture."""
    program = _compiled(tmp_path, C[what])

    status, _ = alike(["sh", "-c", f"exec {program} >printed"], {"state": "some"})

    assert status in {3, 4}


@pytest.mark.parametrize("what", [what for what in PYTHON if "lock" in what])
def test_lock_lasts_without_the_library(alike, what):
    """Python's own hooks let go of no lock either."""
    files = {"program.py": "if True:" + PYTHON[what], "locks.py": LOCKS, "state": "some"}
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "PROVFS_NO_PRELOAD": "1"}

    status, _ = alike([sys.executable, "program.py"], files, env={**os.environ, **variables})

    assert status == 0


def test_limit_of_the_size_of_files_does_not_kill_the_job(alike):
    """A job with a limit that its own files keep ends well: records beyond it are lost."""
    script = (
        "for n in 1 2 3 4 5 6 7 8 9; do echo some >f$n; read x <f$n; done; cat f* >all; echo end"
    )

    limit = (1024, resource.RLIM_INFINITY)
    status, printed = alike(
        ["sh", "-c", script],
        {},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )

    assert (status, printed) == (0, "end\n")


@pytest.mark.parametrize("number", [200, 800, 900])
def test_shell_opens_files_at_numbers_of_its_choice(alike, number):
    """What a script writes to a high descriptor is in its file, whatever number the journal has."""
    script = f"eval 'exec {number}>kept; echo some >&{number}; exec {number}>&-'; cat kept"

    _, printed = alike(["bash", "-c", script], {})

    assert printed == "some\n"


def test_ignored_end_of_children_stays_ignored(alike):
    """A command inherits that the signal of ended children is ignored."""
    status, printed = alike(
        [sys.executable, "-c", "import signal; print(int(signal.getsignal(signal.SIGCHLD)))"],
        {},
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )

    assert (status, printed) == (0, f"{int(signal.SIG_IGN)}\n")


def test_error_of_the_last_write_reaches_who_closes_the_stream(alike, tmp_path):
    """`fclose` says that what the stream still held could not be written."""
    program = _compiled(
        tmp_path,
        """
        #include <errno.h>
        #include <signal.h>
        #include <stdio.h>
        #include <sys/resource.h>
        int main(void) {
            struct rlimit none = {0, 0};
            FILE *out = fopen("kept", "w");
            fputs("some", out);
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &none);
            int result = fclose(out);
            printf("%d %d", result, errno);
            return 0;
        }""",
    )

    _, printed = alike([program], {})

    assert printed == f"-1 {errno.EFBIG}"


def test_closed_standard_streams_stay_free(alike):
    """No record goes where a program would print, although no stream is open there."""
    code = 'import os; print(*map(os.path.exists, os.sys.argv[1:]), file=open("free", "w"))'
    script = f"exec $0 -c '{code}'"
    streams = " ".join(f"/proc/self/fd/{number}" for number in range(3))

    status, _ = alike(
        ["sh", "-c", f"{script} {streams} <&- >&- 2>&-", sys.executable], {"a": "some"}
    )

    assert status == 0


def test_umask_that_takes_all_rights_leaves_a_journal_that_can_be_read(home, tmp_path):
    """Who runs the job can read what it recorded, whatever rights its own files get."""
    script = 'umask 777; python=$1; cat /dev/null >out; $python -c \'open("made", "w").close()\''

    subprocess.run(
        [*RUN, "--home", str(home), "--", "sh", "-c", script, "sh", sys.executable],
        cwd=tmp_path,
        timeout=60,
        check=True,
    )

    modes = {p.name: p.stat().st_mode & 0o777 for p in (home / "journal").iterdir()}
    assert len(modes) > 2
    assert set(modes.values()) == {0o600}
