"""Tasks and requests as contexts: what the code around them says, `with provfs.context(...)`.

Contract: what is written within depends on what was read within, on what was read outside of all
contexts, and on the contexts that are named; not on other contexts. There may be any number at
once, in threads and asyncio tasks, and a million in the end: one that touches no file leaves
nothing. It is recorded at its end; until then it may use all. Within another context, and where
nothing captures, it does nothing. Nothing here raises. Not here: cells of notebooks, see
`provfs.capture.contexts.cells`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from provfs.capture import active as capture
from provfs.capture.contexts.current import current
from provfs.capture.execution import clock_ns
from provfs.capture.secrets import remove_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextvars import Token
    from types import TracebackType

    from provfs.capture.recorder import Recorder


class Context:
    """One task or request; use it with `with`, once.

    Args:
        kind: `task` or `request`.
        label: What people call it; of secrets that stand in it, `***` is recorded.
        uses: Earlier contexts of this process whose data it has been given.
    """

    def __init__(
        self, kind: str = "task", label: str | None = None, *, uses: Iterable[Context] = ()
    ) -> None:
        self._kind = kind
        self._label = label
        self._uses = tuple(uses)
        self._name: str | None = None
        self._sources: frozenset[str] | None = frozenset()
        self._recorder: Recorder | None = None
        self._token: Token[str | None] | None = None
        self._began_ns = 0

    def __enter__(self) -> Self:
        """Begin; files that this thread or asyncio task opens from now on belong to it."""
        recorder = _recorder()
        if recorder is None:
            return self
        try:
            borders = recorder.threads.show_borders()
            if borders.is_within():
                return self
            recorder.begin()
            self._began_ns = clock_ns()
            name = f"t{recorder.next_id()}"
            borders.begin_passing(name)
            self._token = current.set(name)
            self._recorder, self._name = recorder, name
            for used in self._uses:
                self._take(used)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; what is still open for writing may use all."""
        recorder, self._recorder = self._recorder, None
        if recorder is None or self._name is None:
            return
        try:
            self._leave()
            if recorder.generation != os.getpid() or not recorder.threads.borders:
                return
            touched = recorder.threads.borders.end_passing(self._name)
            if touched and self._sources is not None:
                label = self._label
                fields = {
                    "context": self._name,
                    "kind": self._kind,
                    "label": None if label is None else remove_secrets((str(label),))[0],
                    "at_ns": self._began_ns,
                    "sources": tuple(sorted(self._sources)),
                }
                recorder.emit("context", fields)
        except Exception as failure:  # noqa: BLE001 - capture never raises into the job
            recorder.trouble(failure)

    def _take(self, used: Context) -> None:
        """Use what another context has, and what that one uses; what is not known may be all."""
        if self._sources is None:
            return
        if used._name is None or used._sources is None:
            self._sources = None
        else:
            self._sources |= {used._name, *used._sources}

    def _leave(self) -> None:
        if self._token is not None:
            try:
                current.reset(self._token)
            except ValueError:  # a generator that is ended by another task than began it
                current.set(None)


def _recorder() -> Recorder | None:
    """Return the recorder of this process, if anything captures in it."""
    if os.environ.get("PROVFS_RUN") == "1" or capture.has_started():
        return capture.active()
    return None
