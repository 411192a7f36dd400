"""Programs and libraries that the preload library meets: seen exactly, or told as a gap.

Each runs where its tool is installed: a C compiler with sanitizers, musl-gcc, 32-bit headers,
jemalloc, tcmalloc, R and Java.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
import textwrap

import duckdb
import pytest

from provfs.config import Settings
from provfs.ingest import ingest

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="preloading is for Linux"),
    pytest.mark.skipif(os.environ.get("PROVFS_NO_PRELOAD") == "1", reason="turned off"),
]

COPIES = """
    #include <stdio.h>
    #include <stdlib.h>
    int main(void) {
        char *text = calloc(100, 1);
        FILE *file = fopen("in.csv", "r");
        size_t length = fread(text, 1, 99, file);
        fclose(file);
        file = fopen("out.csv", "w");
        fprintf(file, "of %.*s", (int)length, text);
        fclose(file);
        free(text);
        return 0;
    }"""
BLIND = {
    "musl": (["musl-gcc"], "of another C library"),
    "musl-static": (["musl-gcc", "-static"], "statically linked"),
    "static": (["cc", "-static"], "statically linked"),
    "32-bit": (["cc", "-m32"], "built for another kind of machine"),
}
R_PROGRAM = """
    table <- read.csv("in.csv", header = FALSE)
    write.csv(table, "out.csv")
    saveRDS(readLines("out.csv"), "made.tmp")
    invisible(file.rename("made.tmp", "made.rds"))
    """
JAVA_PROGRAM = """
    import java.io.*;
    import java.nio.file.*;
    public class Job {
        public static void main(String[] words) throws Exception {
            Files.writeString(Path.of("out.csv"), "of " + Files.readString(Path.of("in.csv")));
            try (InputStream in = new FileInputStream("out.csv");
                    OutputStream out = new FileOutputStream("made.tmp")) {
                in.transferTo(out);
                out.write(33);
            }
            Files.move(Path.of("made.tmp"), Path.of("made.rds"));
        }
    }
    """
ONE_STEP = {("in.csv", "out.csv"): ("same-process", 1.0)}
TWO_STEPS = {
    **ONE_STEP,
    ("in.csv", "made.rds"): ("same-process", 1.0),
    ("out.csv", "made.rds"): ("same-process", 1.0),
}


@pytest.fixture
def edges_of(home, work):
    """Return a function that runs a command and returns its edges and its gaps."""
    (work / "in.csv").write_text("1\n")

    def run(*command, **more):
        done = subprocess.run(
            [sys.executable, "-m", "provfs", "run", "--", *map(str, command)],
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        settings = Settings(home=home)
        ingest(settings)
        with duckdb.connect(str(settings.log_path), read_only=True) as connection:
            rows = connection.execute(
                "SELECT input_uri, output_uri, rule, confidence::DOUBLE FROM edges"
            ).fetchall()
            gaps = connection.execute("SELECT kind, detail FROM gaps").fetchall()
            names = connection.execute("SELECT uri FROM artifacts").fetchall()
        prefix = f"file://{work}/"
        assert all(name.startswith(prefix) for (name,) in names)
        edges = {
            (source.removeprefix(prefix), target.removeprefix(prefix)): (rule, sure)
            for source, target, rule, sure in rows
        }
        return edges, gaps

    return run


def _compiled(tmp_path, compiler, *options):
    """Return the program that copies, outside of the work directory; skip where it cannot be."""
    source, program = tmp_path / "copies.c", tmp_path / "copies"
    source.write_text(textwrap.dedent(COPIES))
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    built = subprocess.run(
        [compiler, *options, "-o", program, source], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"cannot build with {options}: {built.stderr[-100:]}")
    return program


@pytest.mark.parametrize("sanitizer", ["address", "thread", "undefined"])
def test_program_with_a_sanitizer_is_seen(edges_of, tmp_path, sanitizer):
    """A sanitizer's runtime wants to be the first library, and goes on without being it."""
    program = _compiled(tmp_path, "cc", f"-fsanitize={sanitizer}")

    assert edges_of(program) == (ONE_STEP, [])


@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc_minimal"])
@pytest.mark.parametrize("language", ["c", "python", "duckdb"])
def test_other_allocator_goes_first(edges_of, tmp_path, allocator, language):
    """A preloaded allocator stays the first library, and all is seen."""
    library = ctypes.util.find_library(allocator)
    if library is None:
        pytest.skip(f"no {allocator}")
    code = {
        "c": "",
        "python": "open('out.csv', 'w').write('of ' + open('in.csv').read())",
        "duckdb": "import duckdb; duckdb.sql(\"COPY (SELECT 2 FROM 'in.csv') TO 'out.csv'\")",
    }[language]
    command = [sys.executable, "-c", code] if code else [_compiled(tmp_path, "cc")]

    edges, gaps = edges_of(*command, LD_PRELOAD=library)

    assert edges.keys() == ONE_STEP.keys()
    assert not gaps


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("below_shell", [False, True], ids=["direct", "shell"])
def test_program_that_cannot_have_the_library_runs_and_is_a_gap(
    edges_of, tmp_path, work, kind, below_shell
):
    """Neither the loader of another C library nor a missing one is disturbed."""
    (compiler, *options), reason = BLIND[kind]
    program = _compiled(tmp_path, compiler, *options)
    if subprocess.run([program], cwd=work, check=False, capture_output=True).returncode:
        pytest.skip("such programs do not run here")
    (work / "out.csv").unlink()

    edges, gaps = edges_of(*(["sh", "-c", f"{program}; :"] if below_shell else [program]))

    assert (work / "out.csv").read_text() == "of 1\n"
    assert edges == {}
    assert gaps == [("bypass", f"{program}: {reason}")]


def test_r_is_seen(edges_of, work):
    """R reads and writes by its own C code; its script is code and no input."""
    if shutil.which("Rscript") is None:
        pytest.skip("no R")
    (work / "job.R").write_text(textwrap.dedent(R_PROGRAM))

    assert edges_of("Rscript", "job.R") == (TWO_STEPS, [])


def test_java_is_seen(edges_of, work):
    """A virtual machine opens files by the C library."""
    if shutil.which("javac") is None:
        pytest.skip("no Java")
    (work / "Job.java").write_text(textwrap.dedent(JAVA_PROGRAM))

    assert edges_of("java", "Job.java") == (TWO_STEPS, [])
