"""Notebook cells as contexts: IPython tells when one begins and ends.

Contract: nothing is printed and nothing raised into a cell. A cell is recorded at its end, when it
is known whose data it used; until then, and where anything went wrong, it may use all. Programs
that a cell starts have its name in their environment, where the preload library finds it too: `c`
and a number, see `cell` in `provfs/capture/preload/identity.c`. Cells within cells belong to the
outer one. Not here: what a cell uses, see `provfs.capture.contexts.flow`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from provfs.capture.contexts.current import current
from provfs.capture.contexts.flow import Flow
from provfs.capture.execution import CONTEXT_VARIABLE, clock_ns

if TYPE_CHECKING:
    from provfs.capture.recorder import Recorder

_SHOWN = "__provfs_cells__"


class Cells:
    """The cells of one shell.

    Args:
        recorder: Takes the records.
        shell: An `InteractiveShell` of IPython, whose events are there.
    """

    def __init__(self, recorder: Recorder, shell: Any) -> None:
        self._recorder = recorder
        self._shell = shell
        self._flow = Flow(shell.user_ns_hidden)
        self._depth = 0
        self._cell = ""
        self._began_ns = 0
        self._known = True

    def listen(self) -> None:
        """Follow the shell from its next cell on."""
        self._shell.events.register("pre_run_cell", self._begin)
        self._shell.events.register("post_run_cell", self._end)

    def _begin(self, info: Any) -> None:
        self._depth += 1
        if self._depth > 1 or os.getpid() != self._recorder.generation:
            return
        try:
            self._recorder.begin()
            self._began_ns = clock_ns()
            self._cell = f"c{self._began_ns // 1000}"
            self._recorder.threads.show_borders().begin_cell(self._cell)
            current.set(self._cell)
            os.environ[CONTEXT_VARIABLE] = self._cell
            self._known = False
            code = getattr(info, "transformed_cell", None) or self._shell.transform_cell(
                info.raw_cell
            )
            self._flow.begin(code, self._shell.user_ns)
            self._known = True
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            self._recorder.trouble(error)

    def _end(self, result: Any) -> None:
        self._depth = max(0, self._depth - 1)
        if self._depth or not self._cell or os.getpid() != self._recorder.generation:
            return
        cell, self._cell = self._cell, ""
        try:
            self._recorder.threads.show_borders().end_cell(cell)
            current.set(None)
            if os.environ.get(CONTEXT_VARIABLE) == cell:
                del os.environ[CONTEXT_VARIABLE]
            sources = self._sources(cell, failed=not getattr(result, "success", False))
            number = getattr(result, "execution_count", None)
            fields = {
                "context": cell,
                "kind": "cell",
                "label": None if number is None else f"In [{number}]",
                "at_ns": self._began_ns,
                "sources": sources,
            }
            self._recorder.emit("context", fields)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            self._recorder.trouble(error)

    def _sources(self, cell: str, *, failed: bool) -> tuple[str, ...] | None:
        """Return the sources; where they cannot be found out, no later cell is known to be free.

        A new flow knows nothing of what the names hold by now.
        """
        try:
            sources = self._flow.end(cell, self._shell.user_ns, failed=failed)
        except Exception as error:  # noqa: BLE001 - a value that cannot be looked at
            self._recorder.trouble(error)
            self._known = False
            sources = None
        if not self._known:
            self._flow.forget(cell)
            return None
        return sources


def follow_shell(recorder: Recorder, shell: Any) -> None:
    """Take the cells of a shell as contexts, once."""
    if getattr(shell, _SHOWN, None) is None:
        cells = Cells(recorder, shell)
        cells.listen()
        setattr(shell, _SHOWN, cells)


def follow_module(module: Any, recorder: Recorder) -> None:
    """Follow every shell that is made from now on; `module` is `IPython.core.interactiveshell`."""
    original = module.InteractiveShell.init_events

    def init_events(self: Any) -> None:
        original(self)
        try:
            follow_shell(recorder, self)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)

    module.InteractiveShell.init_events = init_events
    shell = getattr(module.InteractiveShell, "_instance", None)
    if shell is not None:
        follow_shell(recorder, shell)
