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

from provfs.capture.execution import file_uri
from provfs.capture.known import pack_state
from provfs.capture.plain.raw import KnownFileIO, ReadingFileIO, WritingFileIO
from provfs.capture.plain.reading import ReadHandle
from provfs.capture.plain.state import real_path
from provfs.capture.plain.writing import WriteHandle
from provfs.capture.recorder import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from provfs.capture.recorder import Recorder

_fileno = io.FileIO.fileno
_fstat = os.fstat
_REGULAR = 0o100000
_FORMAT = 0o170000

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
        raw = self._open_raw(file, raw_mode, writes, closefd, opener)
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

    def _open_raw(self, file: Any, raw_mode: str, writes: bool, closefd: Any, opener: Any) -> Any:
        recorder = self.recorder
        kind = WritingFileIO if writes else KnownFileIO
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
        try:
            if writes:
                self._attach_writing(raw, file, raw_mode)
            else:
                self._attach_reading(raw, file, recorder.thread_key())
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        return raw

    def open_for_reading(self, path: str) -> tuple[Any, int | None]:
        """Do what `open(path, "rb")` does, in the fewest steps: the frequent case of fsspec.

        Returns:
            The file, and its size where it is captured.
        """
        recorder = self.recorder
        if recorder.hooked:
            return self.open(path, "rb", -1, None, None, None, True, None), None
        if inside.get() or (
            path not in recorder.known
            and (path.startswith(self._trees) or path.endswith(self._suffixes))
        ):
            return self.original(path, "rb"), None
        raw: Any = KnownFileIO(path, "r")
        raw._capture = None  # noqa: SLF001 - the slot of our own raw files
        size_bytes = None
        try:
            size_bytes = self._attach_reading(raw, path, recorder.thread_key())
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        return io.BufferedReader(raw, _buffer_size(raw)), size_bytes

    def _attach_reading(self, raw: Any, file: Any, thread: int) -> int | None:
        """Let a raw file look on where it is in scope; returns the size of the file then."""
        recorder = self.recorder
        key = file if thread == recorder.first_thread else (file, thread)
        stat = _fstat(_fileno(raw))
        size: int = stat.st_size
        found = (stat.st_dev, stat.st_ino, size, stat.st_mtime_ns, stat.st_ctime_ns)
        state = pack_state(*found)
        known = recorder.known.get(key)
        if known is not None and known.state == state and not known.racy:
            raw._capture = (key, recorder, known, size, found[4])  # noqa: SLF001 - the slot of our own raw files
            if known.opens:
                known.opens += 1
            else:
                recorder.reopened(known)
            return size
        if (stat.st_mode & _FORMAT) != _REGULAR or not stat.st_nlink:
            return None
        uri = self._uri(raw, file, found)
        if uri is None:
            return None
        position = 0 if type(file) is not int else raw.tell()
        raw._capture = ReadHandle(recorder, key, thread, uri, found, state, position, self.channel)  # noqa: SLF001 - the slot of our own raw files
        raw.__class__ = ReadingFileIO
        return size

    def _attach_writing(self, raw: Any, file: Any, raw_mode: str) -> None:
        recorder = self.recorder
        stat = _fstat(_fileno(raw))
        if (stat.st_mode & _FORMAT) != _REGULAR or not stat.st_nlink:
            return
        found = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        uri = self._uri(raw, file, found)
        if uri is None:
            return
        by_descriptor = isinstance(file, int)
        raw._capture = WriteHandle(  # noqa: SLF001 - the slot of our own raw files
            recorder,
            recorder.thread_key(),
            uri,
            found,
            raw.tell(),
            self.channel,
            fresh=raw_mode[0] in "wx" and not (by_descriptor and stat.st_size),
            appending=raw_mode[0] == "a",
            readable="+" in raw_mode and not by_descriptor,
        )

    def _uri(self, raw: Any, file: Any, found: tuple[int, ...]) -> str | None:
        path = real_path(_fileno(raw), file)
        uri = file_uri(path)
        if not self.recorder.captures(uri):
            return None
        if self.touch is not None:
            self.touch(path, found)
        return uri


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
