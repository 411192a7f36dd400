"""Which names a cell uses of what was there before, and which it binds, from its code alone.

Contract: pure; runs nothing. `uses` may hold too many names and never too few, apart from what only
happens in code that does not run (a `for` over nothing leaves its names bound). Code that can reach
names without saying them is `opaque`. Source: IPython's form of magics and shell escapes, as its
input transformer writes them.
"""

from __future__ import annotations

import ast
import re
import symtable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REACHES_ANY = frozenset(
    {"eval", "exec", "globals", "locals", "vars", "compile", "get_ipython", "Out", "_oh", "_", "__"}
    | {"___", "__builtins__", "__import__"}
)
_OUTPUT = re.compile(r"_\d+")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_HARMLESS_MAGICS = frozenset(
    {
        *("alias", "autoreload", "autosave", "cd", "colors", "conda", "config"),
        *("doctest_mode", "env", "gui", "hist", "history", "load_ext", "ls"),
        *("lsmagic", "magic", "mamba", "matplotlib", "mkdir", "notebook", "pip"),
        *("precision", "pwd", "quickref", "rehashx", "reload_ext", "set_env", "sql"),
        *("unload_ext", "uv", "who", "who_ls", "whos", "xmode"),
    }
)
_CODE_MAGICS = frozenset({"capture", "debug", "memit", "mprun", "prun", "time", "timeit"})
_TEXT_MAGICS = frozenset(
    {
        *("!", "bash", "cmd", "file", "html", "javascript", "js"),
        *("latex", "markdown", "perl", "python", "python2", "python3", "ruby"),
        *("script", "sh", "svg", "sx", "system", "writefile"),
    }
)
_SHELL = frozenset({"system", "getoutput", "sx"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Mentions:
    """What the code of one cell says.

    `uses`: names whose value before the cell it may use. `binds`: names that it may bind. `within`:
    the global names that functions and classes it defines use, by their names. `modules`: what it
    imports, top-level names. `marked`: names whose attributes it sets. `certain`: names that it
    binds where nothing fails. `plain`: names that it binds to code or constants only. `opaque`: it
    may use any.
    """

    def __init__(self, code: str) -> None:
        self.uses: set[str] = set()
        self.binds: set[str] = set()
        self.within: dict[str, set[str]] = {}
        self.modules: set[str] = set()
        self.marked: set[str] = set()
        self.certain: set[str] = set()
        self.plain: set[str] = set()
        self._not_plain: set[str] = set()
        self.opaque = False
        try:
            tree = ast.parse(code)
            self._find_functions(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.opaque = True
            return
        self.certain = self._block(tree.body, set())
        self.plain -= self._not_plain

    def _find_functions(self, code: str) -> None:
        for table in symtable.symtable(code, "<cell>", "exec").get_children():
            self.within.setdefault(table.get_name(), set()).update(_globals_of(table))

    def _block(self, body: Iterable[ast.stmt], bound: set[str]) -> set[str]:
        """Go through statements in order; return the names that are bound for certain after."""
        for statement in body:
            bound = self._statement(statement, bound)
        return bound

    def _statement(self, node: ast.stmt, bound: set[str]) -> set[str]:
        if isinstance(node, (ast.For, ast.AsyncFor)):
            self._use(node.iter, bound)
            bound = bound | self._bind(node.target, bound)
            return self._block(node.orelse, self._block(node.body, bound))
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self._use(item.context_expr, bound)
                if item.optional_vars is not None:
                    bound = bound | self._bind(item.optional_vars, bound)
            self._block(node.body, bound)
            return bound
        if isinstance(node, (ast.If, ast.While)):
            self._use(node.test, bound)
            inside = self._block(node.body, bound)
            return inside & self._block(node.orelse, bound)
        return self._rare_statement(node, bound)

    def _rare_statement(self, node: ast.stmt, bound: set[str]) -> set[str]:
        if isinstance(node, (ast.Try, ast.TryStar)):
            inside = self._block(node.body, bound)
            for handler in node.handlers:
                if handler.type is not None:
                    self._use(handler.type, bound)
                caught = {handler.name} if handler.name else set()
                self.binds |= caught
                self._block(handler.body, bound | caught)
            after = self._block(node.orelse, inside)
            return self._block(node.finalbody, bound if node.handlers else after)
        if isinstance(node, ast.Match):
            self._use(node.subject, bound)
            for case in node.cases:
                inside = bound | self._bind(case.pattern, bound)
                self._use(case.pattern, inside)
                if case.guard is not None:
                    self._use(case.guard, inside)
                self._block(case.body, inside)
            return bound
        return self._simple(node, bound)

    def _simple(self, node: ast.stmt, bound: set[str]) -> set[str]:
        self._use(node, bound)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self._name(node.target.id, bound)
        if isinstance(node, ast.Delete):
            return bound - self._bind(node, bound)
        return bound | self._bind(node, bound)

    def _use(self, node: ast.AST, bound: set[str]) -> None:
        calls, rest = _split_magics(node)
        for call in calls:
            self._magic(call, bound)
        for name in rest:
            self._name(name, bound)

    def _name(self, name: str, bound: set[str]) -> None:
        """Take note of a use, and of what a function that is defined here uses when called."""
        todo, seen = [name], set()
        while todo:
            one = todo.pop()
            if one in seen:
                continue
            seen.add(one)
            if one in self.within and one in bound:
                todo.extend(self.within[one])
            elif one not in bound:
                self.uses.add(one)
                if one in _REACHES_ANY or _OUTPUT.fullmatch(one):
                    self.opaque = True

    def _bind(self, node: ast.AST, bound: set[str]) -> set[str]:
        found: set[str] = set()
        found.update(_stored(node))
        (self.plain if _is_plain(node) else self._not_plain).update(found)
        for one in ast.walk(node) if not isinstance(node, _FUNCTIONS) else ():
            if isinstance(one, ast.Attribute) and not isinstance(one.ctx, ast.Load):
                base = _base_of(one)
                if base is not None:
                    self._name(base, bound)
                    self.marked.add(base)
        if isinstance(node, ast.Import):
            self.modules |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            self.modules.add(node.module.partition(".")[0])
        self.binds |= found
        return found

    def _magic(self, call: ast.Call, bound: set[str]) -> None:
        """Understand one call of `get_ipython()`, as magics and shell escapes are written."""
        method = call.func.attr  # type: ignore[attr-defined] # as `_split_magics` finds them
        words = [one.value if isinstance(one, ast.Constant) else None for one in call.args]
        if not words or not all(isinstance(word, str) for word in words):
            self.opaque = True
            return
        name, *rest = (str(word) for word in words)
        if method in _SHELL:
            self._text(name, bound)
        elif method not in {"run_line_magic", "run_cell_magic"}:
            self.opaque = True
        elif name in _CODE_MAGICS:
            self._code(rest, bound, in_cell=method == "run_cell_magic")
        elif name in _TEXT_MAGICS:
            self._text(" ".join(rest), bound)
        elif name not in _HARMLESS_MAGICS:
            self.opaque = True

    def _text(self, text: str, bound: set[str]) -> None:
        for name in _IDENTIFIER.findall(text):
            if name not in _REACHES_ANY:
                self._name(name, bound)

    def _code(self, parts: list[str], bound: set[str], *, in_cell: bool) -> None:
        inner = Mentions(parts[-1] if in_cell else re.sub(r"^(\s*-\w+(\s+\d+)?)+\s", "", parts[0]))
        self.opaque |= inner.opaque
        for name in inner.uses:
            self._name(name, bound)
        self.binds |= inner.binds | set(_IDENTIFIER.findall(parts[0]) if in_cell else ())
        self.modules |= inner.modules
        self.marked |= inner.marked
        self.within |= inner.within


def _globals_of(table: symtable.SymbolTable) -> set[str]:
    """Return the global names that a scope and all scopes within it use or bind."""
    found = {one.get_name() for one in table.get_symbols() if one.is_global()}
    for below in table.get_children():
        found |= _globals_of(below)
    return found


def _split_magics(node: ast.AST) -> tuple[list[ast.Call], list[str]]:
    """Return the calls of `get_ipython()`, and the names that everything else loads at once."""
    calls: list[ast.Call] = []
    return calls, list(_loaded(node, frozenset(), calls))


def _loaded(node: ast.AST, local: frozenset[str], calls: list[ast.Call]) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Store) and node.id not in local:
            yield node.id
    elif _is_magic(node):
        calls.append(node)  # type: ignore[arg-type] # a call, as `_is_magic` says
    elif isinstance(node, _COMPREHENSIONS):
        yield from _loaded(node.generators[0].iter, local, calls)
        inside = local | {name for part in node.generators for name in _stored(part.target)}
        yield from _loaded_below(ast.iter_child_nodes(node), inside, calls)
    elif isinstance(node, ast.Lambda):
        arguments = {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
        yield from _loaded_below((*node.args.defaults, *node.args.kw_defaults), local, calls)
        yield from _loaded(node.body, local | arguments, calls)
    elif isinstance(node, _FUNCTIONS):
        outside = (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults)
        yield from _loaded_below(outside, local, calls)
    else:
        yield from _loaded_below(ast.iter_child_nodes(node), local, calls)


def _loaded_below(
    nodes: Iterable[ast.AST | None], local: frozenset[str], calls: list[ast.Call]
) -> Iterator[str]:
    for node in nodes:
        if node is not None:
            yield from _loaded(node, local, calls)


def _is_plain(node: ast.AST) -> bool:
    """Say whether a statement binds names to nothing but code and constants written there."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return node.value is None or _is_constant(node.value)
    if isinstance(node, _FUNCTIONS):
        defaults = (*node.args.defaults, *node.args.kw_defaults)
        return not node.decorator_list and all(d is None or _is_constant(d) for d in defaults)
    if isinstance(node, ast.ClassDef):
        return not node.decorator_list and all(
            _is_plain(one)
            or isinstance(one, ast.Pass)
            or (isinstance(one, ast.Expr) and _is_constant(one.value))
            for one in node.body
        )
    return False


def _is_constant(node: ast.expr) -> bool:
    parts = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.Tuple, ast.Load)
    return all(isinstance(one, parts) for one in ast.walk(node))


def _is_magic(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == "get_ipython"
    )


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement or target binds in its own scope, or unbinds."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    for below in ast.iter_child_nodes(node):
        if not isinstance(node, _COMPREHENSIONS):
            yield from _stored(below)


def _base_of(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
