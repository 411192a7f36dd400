"""Start capture in this process, as `provfs run` wants it.

Contract: `start` may be called any number of times and raises nothing; where capture cannot start,
nothing is replaced and a gap `capture-off` says why. It imports only what a bare
interpreter has loaded, besides provfs itself. It replaces `open`, adds the audit hook, wraps waits
for children and follows the import of fsspec and multiprocessing.
Not here: `provfs.wrap`, which needs none of this.
"""

from __future__ import annotations

import builtins
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from provfs.capture.plain.opening import Opener
    from provfs.capture.recorder import Recorder

_started: list[bool] = []


def start() -> None:
    """Start capture, where it is wanted and has not been started."""
    if _started or os.environ.get("PROVFS_RUN") != "1" or os.environ.get("PROVFS_DISABLED") == "1":
        return
    _started.append(True)
    recorder = None
    try:
        from provfs.capture.active import active  # noqa: PLC0415 - nothing is loaded where capture is off

        recorder = active()
        if recorder is not None:
            _install(recorder)
    except Exception as error:  # noqa: BLE001 - the job runs, with or without capture
        if recorder is not None:
            recorder.gap("capture-off", f"{type(error).__name__}: {error}", "open")


def _install(recorder: Recorder) -> None:
    """Put everything in place; what can fail comes before the first replacement."""
    from provfs import calls  # noqa: PLC0415 - only where capture is on
    from provfs.capture.autoload import native  # noqa: PLC0415 - likewise
    from provfs.capture.autoload.imports import AfterImport  # noqa: PLC0415 - likewise
    from provfs.capture.autoload.waits import Waits  # noqa: PLC0415 - likewise
    from provfs.capture.plain.opening import CapturedOpen, Opener  # noqa: PLC0415 - likewise

    include_all = '"include": []' not in os.environ.get("PROVFS_SETTINGS", '"include": []')
    opener = Opener(recorder, io.open, "open", include_all=include_all)
    install_rest = _leave_rest if native.is_present() else _audit(recorder, opener, include_all)
    waits = Waits(recorder)
    imports = AfterImport(recorder)
    replacement = CapturedOpen(opener)
    recorder.begin()
    if calls.BROKEN:
        detail = "the compiled calls do not work with this Python; the same in Python are slower"
        recorder.gap("calls-in-python", detail, "open", 0)
    builtins.open = io.open = replacement
    waits.install()
    recorder.hooked = True
    install_rest(recorder)
    imports.after_import("fsspec.spec", _instrument_fsspec)
    imports.after_import("IPython.core.interactiveshell", lambda m: _follow_cells(m, recorder))
    imports.after_import("multiprocessing.util", lambda util: _follow_workers(util, recorder))


def _leave_rest(recorder: Recorder) -> None:
    """Leave descriptors, renames, removals and links to the preload library."""
    from provfs.capture.autoload import native  # noqa: PLC0415 - loaded already

    recorder.skip, recorder.unskip = native.skip, native.unskip
    recorder.mute, recorder.unmute = native.mute, native.unmute
    native.leave_waits()


def _audit(recorder: Recorder, opener: Opener, include_all: bool) -> Callable[[Recorder], None]:
    """Return what follows descriptors, renames, removals and links without the library."""
    from provfs.capture.autoload.audit import Audit  # noqa: PLC0415 - only where there is no library

    audit = Audit(recorder, include_all=include_all)
    opener.touch = audit.touch
    return lambda _: audit.install()


def start_in_shell(shell: Any) -> None:
    """Start capture in a notebook that was not started by `provfs run`, for it and its children.

    Raises:
        ConfigError: The home or its configuration cannot be used.
    """
    if os.environ.get("PROVFS_DISABLED") == "1":
        return
    from provfs import config  # noqa: PLC0415 - `provfs run` has done this already
    from provfs.capture.active import active  # noqa: PLC0415 - nothing is loaded where capture is off
    from provfs.capture.contexts.cells import follow_shell  # noqa: PLC0415 - only in a shell

    if os.environ.get("PROVFS_RUN") != "1":
        settings = config.resolve()
        config.prepare_home(settings)
        os.environ[config.SETTINGS_VARIABLE] = settings.to_json()
        os.environ["PROVFS_RUN"] = "1"
    start()
    recorder = active()
    if recorder is not None:
        shells = sys.modules.get("IPython.core.interactiveshell")
        if hasattr(shells, "io_open"):
            shells.io_open = io.open  # type: ignore[union-attr] # what the name `open` of cells calls
        follow_shell(recorder, shell)


def _follow_cells(module: Any, recorder: Recorder) -> None:
    from provfs.capture.contexts.cells import follow_module  # noqa: PLC0415 - only in a shell

    follow_module(module, recorder)


def _instrument_fsspec(spec: Any) -> None:
    from provfs.capture.autoload.instrument import instrument  # noqa: PLC0415 - needs fsspec

    instrument(spec)


def _follow_workers(util: Any, recorder: Recorder) -> None:
    """Finish in worker processes too, which leave by `os._exit` and run no exit handlers."""
    util.register_after_fork(
        recorder, lambda kept: util.Finalize(None, kept.finish, exitpriority=-1000)
    )
