"""A library that journals what dynamic programs read and write, whatever language they are in.

Contract: `library` says where the built library lies, `environment` which variables put it into a
program and all below it, `build` compiles it; a process under capture never calls that. Not here:
what it shares with Python's own hooks, see `provfs.capture.autoload.native` and
`docs/decisions/0009-native-capture.md`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Rules(Protocol):
        """What the library needs of the settings; `provfs.config.Settings` is one."""

        @property
        def home(self) -> str | os.PathLike[str]:
            """Where journal and log lie."""

        @property
        def include(self) -> tuple[str, ...]:
            """Patterns that are captured whatever else applies."""

        @property
        def exclude(self) -> tuple[str, ...]:
            """Patterns that are not captured."""

        @property
        def append_hash_limit_bytes(self) -> int:
            """Up to which size a written file is hashed when it is closed."""


NAME = "libprovfs_preload.so"
_SOURCES = (
    *("room.c", "text.c", "system.c", "scope.c", "identity.c", "journal.c", "secrets.c", "reads.c"),
    *("digest.c", "images.c", "files.c", "names.c", "hooks.c", "hooks_names.c", "hooks_exec.c"),
)
_FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
_LIMIT_BYTES = 8_000
"""Longest list of patterns that the library takes, as `TEXT_BYTES` in `scope.c`."""


def library() -> str | None:
    """Return the path of the built library; None where there is none for this system."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), NAME)
    return path if sys.platform == "linux" and os.path.isfile(path) else None


def is_stale() -> bool:
    """Say whether the built library is missing, or older than its sources: after an edit."""
    path = library()
    if path is None:
        return True
    folder = os.path.dirname(path)
    sources = (os.path.join(folder, name) for name in os.listdir(folder) if name != NAME)
    return os.path.getmtime(path) < max(os.path.getmtime(source) for source in sources)


def environment(
    settings: Rules,
    inherited: Mapping[str, str] | None = None,
    built: str | os.PathLike[str] | None = None,
) -> dict[str, str]:
    """Return the variables that put the library into a program; none where it cannot be.

    An existing `LD_PRELOAD` goes first, so that what must be the first library stays it. A program
    that is built with an address sanitizer refuses to start behind any preloaded library, unless
    its option `verify_asan_link_order` is off.

    Args:
        settings: Home and scope.
        inherited: The environment to add to; `os.environ` if None.
        built: The library, where it is not the installed one.
    """
    inherited = os.environ if inherited is None else inherited
    path = os.fspath(built or library() or "")
    include, exclude = _anchored(settings.include), _anchored(settings.exclude)
    if not path or ":" in path or " " in path or max(len(include), len(exclude)) > _LIMIT_BYTES:
        return {}
    home = os.path.realpath(settings.home)
    preloaded = [
        entry
        for entry in inherited.get("LD_PRELOAD", "").replace(" ", ":").split(":")
        if entry and os.path.basename(entry) != NAME
    ]
    sanitizer = [option for option in inherited.get("ASAN_OPTIONS", "").split(":") if option]
    if not any(option.startswith("verify_asan_link_order=") for option in sanitizer):
        sanitizer.append("verify_asan_link_order=0")
    return {
        "LD_PRELOAD": ":".join([*preloaded, path]),
        "ASAN_OPTIONS": ":".join(sanitizer),
        "PROVFS_PRELOAD_JOURNAL": os.path.join(home, "journal"),
        "PROVFS_PRELOAD_HOME": home,
        "PROVFS_PRELOAD_EXCLUDE": ":".join(
            sorted({p for p in (sys.prefix, sys.base_prefix) if p not in {"", "/"}})
        ),
        "PROVFS_PRELOAD_INCLUDE_PATTERNS": include,
        "PROVFS_PRELOAD_EXCLUDE_PATTERNS": exclude,
        "PROVFS_PRELOAD_LIMIT": str(settings.append_hash_limit_bytes),
        "PROVFS_PRELOAD_USER": _user(),
    }


def build(target: str | os.PathLike[str], version: str = "0") -> bool:
    """Compile the library to a path; False where there is no compiler or it fails.

    Args:
        target: The file to make; replaced in one step.
        version: Version of provfs that the journals name.
    """
    import shlex  # noqa: PLC0415 - only at build time
    import subprocess  # noqa: PLC0415 - likewise
    import tempfile  # noqa: PLC0415 - likewise

    if sys.platform != "linux" or sys.maxsize < 2**32:
        return False
    here = os.path.dirname(os.path.abspath(__file__))
    target = os.path.abspath(target)
    compiler = shlex.split(os.environ.get("CC") or "cc")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as scratch:
        with open(os.path.join(scratch, "printable.h"), "w", encoding="ascii") as header:
            header.write(_printable())
        made = os.path.join(scratch, NAME)
        command = [
            *(*compiler, *_FLAGS, f'-DPROVFS_VERSION="{version}"', "-I", scratch, "-o", made),
            *(os.path.join(here, name) for name in _SOURCES),
            "-ldl",
        ]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            os.replace(made, target)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def _printable() -> str:
    """Return Python's own table for C: where printable and other runs begin, in turn."""
    edges = []
    before = False
    for point in range(sys.maxunicode + 2):
        now = point <= sys.maxunicode and chr(point).isprintable()
        if now != before:
            edges.append(point)
            before = now
    return f"static const uint32_t PRINTABLE[] = {{{', '.join(map(str, edges))}}};\n"


def _anchored(patterns: tuple[str, ...]) -> str:
    """Return patterns as `provfs.scope` anchors them, one per line."""
    lines = []
    for text in patterns:
        anchored = text if text.startswith(("/", "*")) or "://" in text else f"*/{text}"
        lines.append(anchored + "*" if anchored.endswith("/") else anchored)
    return "\n".join(lines)


def _user() -> str:
    from provfs.capture.execution import user_of_system  # noqa: PLC0415 - loaded by `run` anyway

    return f"{os.geteuid()}:{user_of_system() or ''}"
