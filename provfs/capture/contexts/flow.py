"""Which earlier cells' data a cell uses, by the names that they share.

Contract: an upper bound, for all data that goes through names: what two cells could exchange by a
shared object, an alias of it, a function, or a module of the project is taken for exchanged. Values
that cannot be changed carry only what was in them when they were bound. No value is held.
Not here: what the code says, see `provfs.capture.contexts.names`; what a value can carry, see
`provfs.capture.contexts.values`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provfs.capture.contexts.names import Mentions
from provfs.capture.contexts.values import carries, is_code, is_of_project, module_of, reached

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

MOST_SOURCES = 500
"""A cell that uses the data of more cells is recorded as using all of them."""

_HIDDEN = re.compile(r"_+|_i{1,3}|_i?\d+|_[iod]h|In|Out|exit|quit|get_ipython|__\w+__")
_MOST_REACHED = 10_000


class _Group:
    """Names that may stand for one object, and the cells whose data may be in it."""

    __slots__ = ("cells", "names")

    def __init__(self) -> None:
        self.cells: set[str] = set()
        self.names: set[str] = set()


class Flow:
    """The names of one namespace, through all cells that ran in it.

    Args:
        given: What the shell itself has put there; left out while it is still the same.
    """

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given
        self._groups: dict[str, _Group] = {}
        self._values: dict[str, frozenset[str]] = {}
        self._marked: set[str] = set()
        self._all: set[str] = set()
        self._anywhere: set[str] = set()
        self._mentions = Mentions("")
        self._uses: set[str] = set()
        self._carrying: set[str] = set()
        self._before: dict[str, int] = {}

    def begin(self, code: str, namespace: Mapping[str, object]) -> None:
        """Look at a cell that is about to run."""
        mentions = self._mentions = Mentions(code)
        visible = self._visible(namespace)
        self._before = {name: id(value) for name, value in visible.items()}
        self._uses = _with_reached(mentions.uses, visible)
        self._marked |= mentions.marked
        used = [name for name in self._uses if name in visible]
        self._carrying = {name for name in used if self._carries(name, visible)}
        modules = [module_of(visible[name]) for name in used]
        self._carrying |= {f"module {module}" for module in modules if module}

    def end(
        self, cell: str, namespace: Mapping[str, object], *, failed: bool
    ) -> tuple[str, ...] | None:
        """Take note of what the cell has done; return its sources, None where they may be all.

        Where the cell failed, or bound a name in a branch, the name may still have its old value.
        """
        mentions = self._mentions
        carrying = {*self._carrying}
        carrying |= {f"module {top}" for top in mentions.modules if is_of_project(top)}
        visible = self._visible(namespace)
        now = {name: id(value) for name, value in visible.items()}
        changed = {n for n, address in now.items() if self._before.get(n) != address}
        bound = changed | {n for n in mentions.binds if n in now}
        if mentions.opaque:
            carrying |= self._groups.keys()
            carrying |= {name for name in visible if self._carries(name, visible)}
        sources = set(self._all if mentions.opaque else self._anywhere)
        for name in carrying | self._uses:
            sources |= self._cells_of(name)
        unsure = bound - changed - (set() if failed else mentions.certain)
        for name in unsure:
            sources |= self._cells_of(name)
        group = _Group()
        group.cells = sources | {cell}
        for name in carrying | {n for n in unsure if n in self._groups}:
            self._join(group, name)
        for name in bound:
            self._leave(name)
            if self._carries(name, visible):
                self._join(group, name)
            else:
                empty = self._is_empty(name, visible[name])
                self._values[name] = frozenset() if empty else frozenset(group.cells)
        for name in [n for n in (*self._groups, *self._values) if self._is_gone(n, now)]:
            self._leave(name)
        self._all.add(cell)
        if mentions.opaque or len(sources) > MOST_SOURCES:
            return None
        return tuple(sorted(sources))

    def forget(self, cell: str) -> None:
        """Know nothing of a cell: all that was seen so far may be anywhere from now on."""
        self._all.add(cell)
        self._anywhere = set(self._all)

    def _is_empty(self, name: str, value: object) -> bool:
        """Say whether what the cell bound to a name is code or a constant and came with no data."""
        mentions = self._mentions
        if name not in mentions.binds:
            return is_code(value)
        loads_project = any(is_of_project(top) for top in mentions.modules)
        return name in mentions.plain and (is_code(value) or not loads_project)

    def _visible(self, namespace: Mapping[str, object]) -> dict[str, object]:
        given = self._given
        return {
            name: value
            for name, value in list(namespace.items())
            if not _HIDDEN.fullmatch(name) and given.get(name, self) is not value
        }

    def _carries(self, name: str, visible: Mapping[str, object]) -> bool:
        return name in self._marked or carries(visible[name])

    def _cells_of(self, name: str) -> AbstractSet[str]:
        group = self._groups.get(name)
        return self._values.get(name, frozenset()) if group is None else group.cells

    def _join(self, group: _Group, name: str) -> None:
        """Let a name, and all that may stand for its object, stand for that of a group."""
        old = self._groups.get(name)
        if old is group:
            return
        names = {name} if old is None else old.names
        if old is not None:
            group.cells |= old.cells
        group.names |= names
        for one in names:
            self._groups[one] = group
        self._values.pop(name, None)

    def _leave(self, name: str) -> None:
        old = self._groups.pop(name, None)
        if old is not None:
            old.names.discard(name)
        self._values.pop(name, None)

    def _is_gone(self, name: str, now: Mapping[str, int]) -> bool:
        return not name.startswith("module ") and name not in now


def _with_reached(names: set[str], namespace: Mapping[str, object]) -> set[str]:
    """Return the names and all that the user's own functions behind them use, at any distance."""
    found: set[str] = set()
    todo = list(names)
    while todo and len(found) < _MOST_REACHED:
        name = todo.pop()
        if name not in found:
            found.add(name)
            if name in namespace:
                todo.extend(reached(namespace[name]))
    return found
