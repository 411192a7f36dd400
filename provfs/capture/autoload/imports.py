"""Act on a module right after it was imported, without importing it.

Contract: `after_import` runs the action at once where the module is loaded already. Errors of an
action are counted, never raised. The module's own loader is put back before anyone sees the module.
Not here: what is done to the modules, see `provfs.capture.autoload.start`.
"""

from __future__ import annotations

import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from provfs.capture.recorder import Recorder


class _Loader:
    """A loader that runs an action when the module has been executed."""

    def __init__(self, inner: Any, name: str, watcher: AfterImport) -> None:
        self._inner = inner
        self._name = name
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # of a copy that is being made
            raise AttributeError(name)
        return getattr(self._inner, name)

    def create_module(self, spec: Any) -> Any:
        return self._inner.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__loader__ = module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        self._watcher.act(self._name, module)


class AfterImport:
    """A finder that only watches for the modules that it has actions for.

    Args:
        recorder: Counts what goes wrong in an action.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._actions: dict[str, Callable[[Any], None]] = {}
        self._looking: set[tuple[int, str]] = set()

    def after_import(self, name: str, action: Callable[[Any], None]) -> None:
        """Run `action(module)` once the module is loaded."""
        self._actions[name] = action
        module = sys.modules.get(name)
        if module is not None:
            self.act(name, module)
        elif self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def act(self, name: str, module: Any) -> None:
        """Run the action of a module that is there now, once."""
        action = self._actions.pop(name, None)
        try:
            if action is not None:
                action(module)
        except Exception as error:  # noqa: BLE001 - capture never raises into the job
            self._recorder.trouble(error)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find the module through the other finders, with the action added to its loader."""
        if name not in self._actions:
            return None
        asked = get_ident(), name
        if asked in self._looking:  # another finder asks all finders in turn
            return None
        self._looking.add(asked)
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                if finder is self or find is None:
                    continue
                spec = find(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, name, self)
                    return spec
        finally:
            self._looking.discard(asked)
        return None
