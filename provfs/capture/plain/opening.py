"""The replacement of `builtins.open` and `io.open`: the same function, over files that look on.

Contract: signature, results, errors and warnings are those of the original; where arguments are
unusual or the path is out of scope the original itself is called. Paths are judged twice: cheaply
by their text before the file is opened, and by their real path afterwards.
Not here: what the raw files do, see `provfs.capture.plain.raw`.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from _thread import get_ident
from sys import audit

from provfs.calls import COMPILED, numbers_of, open_direct, state_of
from provfs.capture.execution import file_uri
from provfs.capture.plain.raw import KnownFileIO, ReadingFileIO, WritingFileIO
from provfs.capture.plain.reading import ReadHandle
from provfs.capture.plain.state import has_foreign_preload, real_path
from provfs.capture.plain.writing import WriteHandle
from provfs.capture.recorder import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from provfs.capture.recorder import Recorder

_fileno = io.FileIO.fileno
_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC

OUTSIDE_TREES = tuple(
    {
        f"{tree}/"
        for tree in ("/proc", "/sys", "/dev", "/run", "/usr", "/bin", "/lib", "/lib64", "/etc")
    }
    | {f"{prefix}/" for prefix in (sys.prefix, sys.base_prefix) if prefix not in {"", "/"}}
)
OUTSIDE_SUFFIXES = (".py", ".pyc", ".so", ".pyi")

_modes: dict[str, tuple[str, bool, bool] | None] = {}


def parse_mode(mode: str) -> tuple[str, bool, bool] | None:
    """Return (mode of the raw file, binary, may write); None where the original must complain."""
    letters = set(mode)
    kind = letters & set("rwxa")
    if (
        len(letters) != len(mode)
        or letters - set("rwxabt+")
        or len(kind) != 1
        or {"b", "t"} <= letters
    ):
        return None
    raw = next(iter(kind)) + ("+" if "+" in letters else "")
    return raw, "b" in letters, raw != "r"


class Opener:
    """Opens local files over raw files that capture.

    Args:
        recorder: Told about what happens to the files.
        original: The `open` that is called where nothing is captured.
        channel: Which channel the accesses are recorded under.
        include_all: Judge no path by its text alone; needed where the user includes system trees.
    """

    def __init__(
        self,
        recorder: Recorder,
        original: Callable[..., Any],
        channel: str,
        *,
        include_all: bool = False,
    ) -> None:
        self.recorder = recorder
        self.original = original
        self.channel = channel
        self._trees = () if include_all else OUTSIDE_TREES
        self._suffixes = () if include_all else OUTSIDE_SUFFIXES
        self.touch: Callable[[str, tuple[int, ...]], None] | None = None
        self._is_direct = COMPILED and not has_foreign_preload()

    def open(  # noqa: C901, PLR0912 - as `io.open`; each further frame costs the job per open
        self,
        file: Any,
        mode: Any,
        buffering: Any,
        encoding: Any,
        errors: Any,
        newline: Any,
        closefd: Any,
        opener: Any,
    ) -> Any:
        """Open as `io.open` does; called from the replaced `open`, two frames below the job."""
        try:
            parsed = _modes[mode]
        except (KeyError, TypeError):
            parsed = _modes[mode] = parse_mode(mode) if type(mode) is str else None
        if (
            type(file) is not str
            and not isinstance(file, (str, bytes, int))
            and hasattr(type(file), "__fspath__")
        ):
            file = os.fspath(file)
        if (
            parsed is None
            or inside.get()
            or type(buffering) is not int
            or isinstance(file, bool)
            or (parsed[1] and (encoding is not None or errors is not None or newline is not None))
            or (buffering == 0 and not parsed[1])
            or (
                type(file) is str
                and (file.startswith(self._trees) or file.endswith(self._suffixes))
            )
        ):
            arguments = (file, mode, buffering, encoding, errors, newline, closefd, opener)
            if self.recorder.skip is None or type(file) is int or not inside.get():
                return self.original(*arguments)
            self.recorder.skip()  # whoever is inside records it
            try:
                return self.original(*arguments)
            finally:
                self.recorder.unskip()
        raw_mode, binary, writes = parsed
        if buffering == 1 and binary:
            warnings.warn(
                "line buffering (buffering=1) isn't supported in binary mode, "
                "the default buffer size will be used",
                RuntimeWarning,
                stacklevel=3,
            )
        if encoding is None and not binary and sys.flags.warn_default_encoding:
            encoding = io.text_encoding(None, 3)
        if writes:
            raw = self._open_raw(WritingFileIO, file, raw_mode, closefd, opener)
            try:
                self._attach_writing(raw, file, raw_mode)
            except Exception as error:  # noqa: BLE001 - capture never raises into the job
                self.recorder.trouble(error)
        else:
            raw, _ = self._open_reading(file, closefd, opener)
        result: Any = raw
        try:
            line_buffering = False
            if buffering == 1 or (buffering < 0 and raw._capture is None and raw.isatty()):  # noqa: SLF001 - the slot of our own raw files
                buffering, line_buffering = -1, True
            if buffering < 0:
                buffering = _buffer_size(raw)
            if buffering == 0:
                return raw
            if "+" in raw_mode:
                result = io.BufferedRandom(raw, buffering)
            elif writes:
                result = io.BufferedWriter(raw, buffering)
            else:
                result = io.BufferedReader(raw, buffering)
            if binary:
                return result
            text = io.TextIOWrapper(result, encoding, errors, newline, line_buffering)
            text.mode = mode  # type: ignore[misc] # as `io.open` sets it
        except BaseException:
            result.close()
            raise
        return text

    def _open_raw(self, kind: Any, file: Any, raw_mode: str, closefd: Any, opener: Any) -> Any:
        """Make a raw file, unseen by the other hooks of this process, that captures nothing yet."""
        recorder = self.recorder
        if recorder.skip is not None and type(file) is not int:
            recorder.skip()
            try:
                raw: Any = kind(file, raw_mode, closefd, opener)
            finally:
                recorder.unskip()
        elif recorder.hooked:
            ident = get_ident()
            recorder.busy.add(ident)
            try:
                raw = kind(file, raw_mode, closefd, opener)
            finally:
                recorder.busy.discard(ident)
        else:
            raw = kind(file, raw_mode, closefd, opener)
        raw._capture = None  # noqa: SLF001 - the slot of our own raw files
        return raw

    def open_for_reading(self, path: str) -> tuple[Any, int | None]:
        """Do what `open(path, "rb")` does, in the fewest steps: the frequent case of fsspec.

        Returns:
            The file, and its size where that is known.
        """
        if inside.get() or (
            path not in self.recorder.known
            and (path.startswith(self._trees) or path.endswith(self._suffixes))
        ):
            return self.original(path, "rb"), None
        raw, size = self._open_reading(path, closefd=True, opener=None)
        return io.BufferedReader(raw, _buffer_size(raw)), size

    def open_for_writing(self, path: str) -> Any:
        """Do what `open(path, "wb")` does, in few steps."""
        if inside.get() or path.startswith(self._trees) or path.endswith(self._suffixes):
            return self.original(path, "wb")
        raw: Any = None
        if self._is_direct and not self.recorder.hooked:
            audit("open", path, "w", _ANEW)
            if (opened := open_direct(path, _ANEW)) is not None:
                raw = WritingFileIO(opened[0], "w")
                raw.name, raw._capture = path, None  # noqa: SLF001 - the slot of our own raw files
        real = None if raw is None else path
        if raw is None:
            raw = self._open_raw(WritingFileIO, path, "w", closefd=True, opener=None)
        try:
            self._attach_writing(raw, path, "w", real)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            self.recorder.trouble(error)
        return io.BufferedWriter(raw, _buffer_size(raw))

    def _open_reading(  # noqa: C901 - each further frame costs the job per open
        self, file: Any, closefd: Any, opener: Any
    ) -> tuple[Any, int | None]:
        """Open a raw file that looks on where it is in scope; returns it, and its size if known."""
        recorder = self.recorder
        key = thread = None
        try:
            thread = recorder.thread_key()
            key = file if thread == recorder.first_thread else (file, thread)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        if (
            self._is_direct
            and type(file) is str
            and key not in recorder.known
            and opener is None
            and closefd is True
        ):
            path = file if file[:1] == "/" else _below_here(file)
            if recorder.hooked:
                self._audit(file)
            else:
                audit("open", file, "r", _FLAGS)
            opened = open_direct(path, _FLAGS)
            if opened is not None:
                descriptor, state, size = opened
                raw = ReadingFileIO(descriptor, "r")
                raw.name = file
                raw._capture = None  # noqa: SLF001 - the slot of our own raw files
                if key is None or state is None:
                    return raw, None
                self._attach_reading(raw, file, key, thread, state, size, path)
                return raw, size
        raw = self._open_raw(KnownFileIO, file, "r", closefd, opener)
        state = size_bytes = None
        try:
            state = state_of(_fileno(raw))
            if key is None or state is None:
                return raw, None
            size_bytes = numbers_of(state)[2]
            known = recorder.known.get(key)
            if known is not None and known.state == state and not known.racy:
                raw._capture = (key, recorder, known)  # noqa: SLF001 - the slot of our own raw files
                if known.opens:
                    known.opens += 1
                else:
                    recorder.reopened(known)
                return raw, size_bytes
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        else:
            self._attach_reading(raw, file, key, thread, state, size_bytes, None)
        return raw, size_bytes

    def _audit(self, file: str) -> None:
        """Tell the audit hooks of an opening, but not our own."""
        busy, ident = self.recorder.busy, get_ident()
        busy.add(ident)
        try:
            audit("open", file, "r", _FLAGS)
        finally:
            busy.discard(ident)

    def _attach_reading(
        self,
        raw: Any,
        file: Any,
        key: Any,
        thread: Any,
        state: bytes | str,
        size_bytes: int,
        path: str | None,
    ) -> None:
        """Let a raw file look on where it is in scope; `path` is its real one, where known."""
        recorder = self.recorder
        try:
            if path is None:
                path = real_path(_fileno(raw), file)
            uri = file_uri(path)
            if not recorder.captures(uri):
                raw.__class__ = KnownFileIO
                return
            handle = ReadHandle(recorder, key, thread, uri, state, size_bytes, self.channel)
            if self.touch is not None:
                self.touch(path, handle.before)
            if type(file) is int:
                handle.position = raw.tell()
            raw._capture = handle  # noqa: SLF001 - the slot of our own raw files
            raw.__class__ = ReadingFileIO
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)

    def _attach_writing(self, raw: Any, file: Any, raw_mode: str, path: str | None = None) -> None:
        recorder = self.recorder
        state = state_of(_fileno(raw))
        if state is None:
            return
        found = numbers_of(state)
        path = path or real_path(_fileno(raw), file)
        uri = file_uri(path)
        if not recorder.captures(uri):
            return
        if self.touch is not None:
            self.touch(path, found)
        by_descriptor = isinstance(file, int)
        fresh = raw_mode[0] in "wx" and not (by_descriptor and found[2])
        raw._capture = WriteHandle(  # noqa: SLF001 - the slot of our own raw files
            recorder,
            recorder.thread_key(),
            uri,
            found,
            0 if fresh and not by_descriptor else raw.tell(),
            self.channel,
            fresh=fresh,
            appending=raw_mode[0] == "a",
            readable="+" in raw_mode and not by_descriptor,
        )


class CapturedOpen:
    """What stands in place of `open` under `provfs run`: no descriptor, pickled as `io.open`.

    Args:
        opener: Does the work.
    """

    def __init__(self, opener: Opener) -> None:
        original = opener.original
        self._open = opener.open
        self.__doc__ = original.__doc__
        self.__name__ = "open"
        self.__qualname__ = "open"
        self.__module__ = "io"
        self.__text_signature__ = getattr(original, "__text_signature__", None)
        self.__self__ = getattr(original, "__self__", None)
        self.__wrapped_open__ = original

    def __call__(
        self,
        file: Any,
        mode: Any = "r",
        buffering: Any = -1,
        encoding: Any = None,
        errors: Any = None,
        newline: Any = None,
        closefd: Any = True,
        opener: Any = None,
    ) -> Any:
        """Open a file, as `io.open`."""
        return self._open(file, mode, buffering, encoding, errors, newline, closefd, opener)

    def __reduce__(self) -> str:
        return "open"

    def __repr__(self) -> str:
        return "<built-in function open>"


def _buffer_size(raw: Any) -> int:
    size: int = raw._blksize  # noqa: SLF001 - as `io.open` asks for it
    if sys.version_info >= (3, 14):
        return max(min(size, 8 << 20), io.DEFAULT_BUFFER_SIZE)
    return size if size > 1 else io.DEFAULT_BUFFER_SIZE


def _below_here(path: str) -> str:
    """Return a relative path as an absolute one; empty where there is no working directory."""
    try:
        return f"{os.getcwd()}/{path}"
    except OSError:
        return ""
