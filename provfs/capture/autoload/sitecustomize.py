"""Start capture in a Python process below `provfs run`, then give way to the module shadowed here.

Contract: its directory stands first on `PYTHONPATH`; nothing is raised and nothing printed. Not
here: what capture does, see `provfs.capture.autoload.start`.
"""

import os as _os
import sys as _sys


def _start() -> None:
    if _os.environ.get("PROVFS_RUN") == "1" and _os.environ.get("PROVFS_DISABLED") != "1":
        try:
            from provfs.capture.autoload.start import start  # noqa: PLC0415 - nothing is loaded where capture is off

            start()
        except Exception:  # noqa: BLE001, S110 - the job runs, with or without capture
            pass


def _give_way() -> None:
    """Take our directory off the path and run the sitecustomize that it shadowed, if any."""
    here = _os.path.dirname(_os.path.abspath(__file__))
    _sys.path[:] = [entry for entry in _sys.path if _os.path.abspath(entry or ".") != here]
    ours = _sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401, PLC0415 - the user's own, if any
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            _sys.modules["sitecustomize"] = ours


_start()
_give_way()
