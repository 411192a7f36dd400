"""The rules that the preload library has in C are those that the package has in Python."""

from __future__ import annotations

import ctypes
import json
import os
import random
import sys
from pathlib import Path

import pytest

from provfs.capture import preload
from provfs.capture.autoload import native
from provfs.capture.secrets import remove_secrets
from provfs.config import Settings
from provfs.digest import hash_file
from provfs.model import uri_of_path
from provfs.scope import Scope
from tests.command_lines import KEPT, REMOVED, TOKENS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="preloading is for Linux")

PATHS = [
    *(
        "/data/a.csv",
        "/home/u/model.pt",
        "/usr/lib/x.csv",
        "/usr",
        "/usrx/a",
        "/proc/1/maps",
        "/dev/null",
    ),
    *(
        "/etc/passwd",
        "/opt/x/a.csv",
        "/libx/a.csv",
        "/lib64/a",
        "/lib/a",
        "/data/a.py",
        "/data/a.pyx",
        "/data/a.py.csv",
    ),
    *(
        "/data/lib.so",
        "/data/lib.so.1",
        "/data/lib.so.1.2.3",
        "/data/lib.so.",
        "/data/lib.so.1a",
        "/data/lib.so..",
        "/data/.py",
    ),
    *(
        "/data/x.a",
        "/data/x.A",
        "/data/a.b.c",
        "/data/py",
        "/data/x.so/y.csv",
        "/data/egg.egg-link",
        "/data/x.tar.gz",
    ),
    *(
        "/w/.git/config",
        "/w/.git",
        "/w/.gitx/config",
        "/w/x.git/config",
        "/w/__pycache__/x",
        "/.venv/x",
        "/w/.venv",
    ),
    *(
        "/w/site-packages/x/y.json",
        "/w/a.dist-info/RECORD",
        "/w/.dist-info/RECORD",
        "/w/a.egg-info/x",
        "/w/a.dist-info",
    ),
    *(
        "/h/.cache/pip/x",
        "/h/.cache/pipx/x",
        "/h/.cache/huggingface/x",
        "/h/.cache/pip",
        "/h/cache/pip/x",
        "/h/.cache/uv/a/b",
    ),
    *(
        "/p/lib/python3.11/x.csv",
        "/p/lib/python3./x.csv",
        "/p/lib/python3.x/x.csv",
        "/p/lib/python3.12",
        "/p/lib/python2.7/x",
        "/h/.ipython/profile_default/history.sqlite",
        "/h/.local/share/jupyter/runtime/kernel-1.json",
        "/h/share/jupyterx/a",
        "/h/share/jupyter",
    ),
    *(
        "/home-of-provfs/lineage.duckdb",
        "/home-of-provfs",
        "/home-of-provfsx/a",
        "/w/50%.csv",
        "/w/é.csv",
        "/w/日本.parquet",
    ),
    *(
        "/w/nbsp\xa0.csv",
        "/w/new\nline.csv",
        "/w/tab\t.py",
        "/w/\udcff.csv",
        "/w/zero\u200bwidth.csv",
        "/w/🎉.csv",
        '/w/"q".csv',
    ),
    *(
        "/w/sub/keep.csv",
        "/w/sub/drop.csv",
        "/w/raw/a/b.bin",
        "/w/x1.log",
        "/w/xa.log",
        "/w/x].log",
        "/w/secret",
        "/usr/keep.csv",
    ),
    *(f"{sys.prefix}/share/x.csv", f"{sys.prefix}x/a.csv", f"{sys.base_prefix}/x/y.csv"),
]
PATTERNS = [
    ((), ()),
    (("keep.csv",), ("*.csv",)),
    (("/usr/*",), ("raw/", "x[0-9].log")),
    (("file:///w/*.py", "*.so.?"), ("/w/x[!a].log", "secre?", "é.csv")),
    (("*%25.csv",), ("?.csv", "[", "/data/[a-b]*", "x[]].log")),
]


@pytest.mark.parametrize(("include", "exclude"), PATTERNS)
def test_preload_scope_is_that_of_python(library, monkeypatch, include, exclude):
    """The library captures exactly the paths that `provfs.scope` captures."""
    settings = Settings(Path("/home-of-provfs"), include=include, exclude=exclude)
    scope = Scope(include, exclude, "/home-of-provfs")
    for name, value in preload.environment(settings, {}, library).items():
        if name.startswith("PROVFS_"):
            monkeypatch.setenv(name, value)
    captures = ctypes.CDLL(os.fspath(library)).provfs_preload_captures

    expected = {path: scope.decide(uri_of_path(path)).captured for path in PATHS}
    found = {path: bool(captures(os.fsencode(path))) for path in PATHS}

    assert found == expected


COMMANDS = [
    *KEPT,
    *REMOVED,
    *(("x", token, f"--value={token}", f"a,{token}") for token in TOKENS.values()),
    ("x", "+hub.token=xyz", "--token", "-v", 'say "x"', "back\\slash", "é"),
    (
        "x",
        "https://h/x?X-Amz-Signature=abc&y=1",
        "https://h/x?a=1&token=abc",
        "xoxb-1234567890-abc",
    ),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_preload_command_keeps_no_secret_and_everything_else(library, command):
    """Where Python removes a part of an argument, the library removes that or all of it."""
    raw = b"".join(os.fsencode(word) + b"\0" for word in command)
    into = ctypes.create_string_buffer(16384)
    size = ctypes.CDLL(os.fspath(library)).provfs_preload_command(
        ctypes.create_string_buffer(raw), ctypes.c_size_t(len(raw)), into, ctypes.c_size_t(16384)
    )

    found = json.loads("{" + into.raw[:size].decode().lstrip(",") + "}")["command"]

    cleaned = remove_secrets(command)
    assert found == [
        kept if kept in {word, own} else "***"
        for word, kept, own in zip(command, cleaned, found, strict=True)
    ]


def test_environment_keeps_what_is_preloaded_already(library):
    """Another library stays before ours, and starting twice does not add ours twice."""
    settings = Settings(Path("/h"))
    once = preload.environment(settings, {"LD_PRELOAD": "libjemalloc.so.2"}, library)
    twice = preload.environment(settings, once, library)

    assert once["LD_PRELOAD"] == f"libjemalloc.so.2:{library}"
    assert twice == once


def test_environment_is_empty_without_a_library(tmp_path):
    """Where nothing was built, programs start as they would."""
    assert preload.environment(Settings(tmp_path), {}, "/with space/x.so") == {}


def test_messages_of_python_and_library_have_the_same_numbers():
    """What Python's hooks say is what the library hears."""
    header = (Path(preload.__file__).parent / "preload.h").read_text()

    assert f"#define MESSAGE (-{-native._FIRST:#010X}".replace("0X", "0x") in header
    numbers = "PRESENT = 0, SKIP, UNSKIP, WAITS, MUTE, UNMUTE, PAUSE, RESUME, MESSAGES"
    assert f"enum message {{ {numbers} }};" in header


def test_without_the_library_nobody_answers():
    """Where the library is not loaded, its messages are errors like any other wrong number."""
    assert not native.is_present()
    with pytest.raises(OSError, match="Bad file descriptor"):
        native.skip()


def test_digest_is_that_of_python(library, tmp_path):
    """The library's own hash agrees with Python's for every length at which the method changes."""
    lengths = [
        *range(260),
        511,
        512,
        513,
        *(k * 1024 + d for k in (1, 2, 64, 65) for d in (-1, 0, 1, 63, 64, 65)),
        300_001,
    ]
    path = tmp_path / "file"
    into = ctypes.create_string_buffer(100)
    native = ctypes.CDLL(str(library))

    for length in lengths:
        path.write_bytes(random.Random(length).randbytes(length))  # noqa: S311 - no secret
        size = native.provfs_preload_digest(os.fsencode(path), into, 100)

        found = hash_file(str(path))
        assert into.raw[:size].decode() == f',"digest":"{found[0]}"', length


def test_file_above_the_limit_has_no_digest(library, tmp_path, monkeypatch):
    """A larger file is left to the ingest."""
    (tmp_path / "file").write_bytes(b"x" * (64 << 10))
    os.truncate(tmp_path / "file", (64 << 20) + 1)
    native = ctypes.CDLL(str(library))

    assert native.provfs_preload_digest(os.fsencode(tmp_path / "file"), None, 0) == -1
