"""A library that somebody else loads before the C library goes on deciding which file a path is."""

import shutil
import subprocess
import sys

import pytest

CODE = "import sys; from provfs.cli.main import main; sys.exit(main())"

REDIRECTS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
static int redirected(const char *name, const char *path, int flags, int mode) {
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    const char *end = strrchr(path, '/');
    static char other[4096];
    if (end && strcmp(end, "/asked") == 0) {
        strcpy(other, path);
        strcpy(other + (end - path), "/given");
        path = other;
    }
    return next(path, flags, mode);
}
#define OPEN(name)                                        \
    int name(const char *path, int flags, ...) {          \
        va_list rest;                                     \
        va_start(rest, flags);                            \
        int mode = flags & O_CREAT ? va_arg(rest, int) : 0; \
        va_end(rest);                                     \
        return redirected(#name, path, flags, mode);      \
    }
OPEN(open)
OPEN(open64)
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_path_that_another_preload_redirects_is_the_file_that_it_gives(home, tmp_path):
    """What the program reads under capture is what it reads without."""
    (tmp_path / "asked").write_text("asked")
    (tmp_path / "given").write_text("given")
    (tmp_path / "redirects.c").write_text(REDIRECTS)
    library = tmp_path / "redirects.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "redirects.c", "-ldl"], check=True
    )
    script = f"print(open({str(tmp_path / 'asked')!r}).read())"
    run = [sys.executable, "-c", CODE, "run", "--", "env", f"LD_PRELOAD={library}"]

    bare = subprocess.run(
        ["env", f"LD_PRELOAD={library}", sys.executable, "-c", script],
        capture_output=True,
        check=True,
        timeout=60,
    )
    captured = subprocess.run(
        [*run, sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )

    assert bare.stdout == b"given\n"
    assert captured.stdout == b"given\n"
