"""Whether a value can carry data from one cell to another, beyond what was in it when it was bound.

Contract: looks at types and never calls anything of the value's own. What is not known can carry
data. Code carries none: modules and functions of installed packages, and classes; what the user's
own functions can reach is told by `reached`. Not here: which values a cell uses, see
`provfs.capture.contexts.names`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import os
import pathlib
import re
import sys
import types
import uuid
from typing import TYPE_CHECKING

from provfs.capture.identity.code import project_files

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = (
    *(bool, int, float, complex, str, bytes, range, slice, type(None), type(...)),
    *(dt.date, dt.time, dt.timedelta, dt.tzinfo, decimal.Decimal),
    *(enum.Enum, fractions.Fraction, pathlib.PurePath, re.Pattern, uuid.UUID),
)
_MOST_ELEMENTS = 100
_DEEPEST = 3
_STATEFUL = frozenset({"duckdb", "matplotlib", "mlflow", "pylab", "seaborn", "wandb"})
_PLOTS = frozenset({"matplotlib", "pylab", "seaborn"})
"""Installed modules whose functions keep what they were given, for other functions to use."""

_MAIN = "__main__"


def carries(value: object, depth: int = 0) -> bool:
    """Say whether what one cell puts into the value can be found there by another."""
    if isinstance(value, (tuple, frozenset)) and type(value) in {tuple, frozenset}:
        if depth >= _DEEPEST or len(value) > _MOST_ELEMENTS:
            return True
        return any(carries(one, depth + 1) for one in value)
    if isinstance(value, _PLAIN):
        return False
    if is_code(value):
        return _code_carries(value, depth)
    return not _is_numpy_scalar(value)


def is_code(value: object) -> bool:
    """Say whether a value is a module, a function or a class."""
    return isinstance(
        value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    )


def module_of(value: object) -> str | None:
    """Return the top name of the module whose state a value stands for; None where it has none.

    Modules of the project may have any; of installed ones some are known to.
    """
    name = value.__name__ if isinstance(value, types.ModuleType) else _module_name(value)
    top = name.partition(".")[0] if isinstance(name, str) else ""
    if top in _STATEFUL:
        inline = "inline" in os.environ.get("MPLBACKEND", "")
        return None if inline and top in _PLOTS else top
    return top if is_of_project(top) else None


def is_of_project(top: str) -> bool:
    """Say whether a module that is loaded belongs to the project and not to an installation."""
    module = sys.modules.get(top)
    if module is None or top == _MAIN:
        return False
    paths = list(getattr(module, "__path__", ()))
    if paths and getattr(module, "__file__", None) is None:
        marker = types.ModuleType(top)
        marker.__file__ = f"{paths[0]}/__init__.py"
        module = marker
    return next(project_files([module]), None) is not None


def reached(value: object) -> Iterator[str]:
    """Yield the global names that the user's own code behind a value uses."""
    kind = value if isinstance(value, (type, types.FunctionType)) else type(value)
    parts: list[object] = []
    if isinstance(kind, type):
        own = [base for base in kind.__mro__ if base.__module__ == _MAIN]
        parts = [part for base in own for part in vars(base).values()]
    elif kind.__module__ == _MAIN:
        parts = [kind]
    for part in parts:
        function = getattr(part, "__func__", None) or getattr(part, "fget", None) or part
        code = getattr(function, "__code__", None)
        if isinstance(code, types.CodeType):
            yield from _names_of(code)


def _names_of(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of(constant)


def _code_carries(value: object, depth: int) -> bool:
    if isinstance(value, types.FunctionType):
        return _function_carries(value, depth)
    if isinstance(value, types.BuiltinFunctionType):
        return not isinstance(value.__self__, (types.ModuleType, type(None), type))
    if isinstance(value, type):
        return _class_carries(value, depth)
    return module_of(value) is not None


def _function_carries(function: types.FunctionType, depth: int) -> bool:
    home = sys.modules.get(function.__module__ or "")
    if function.__module__ != _MAIN and home is not None:
        known = vars(home).get(function.__name__) is function
        return not known or module_of(function) is not None
    held = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return bool(function.__closure__ or vars(function)) or (
        depth < _DEEPEST and any(carries(one, depth + 1) for one in held)
    )


def _class_carries(cls: type, depth: int) -> bool:
    if cls.__module__ != _MAIN:
        return module_of(cls) is not None
    held = [one for name, one in vars(cls).items() if not name.startswith("__")]
    functions = (types.FunctionType, classmethod, staticmethod, property)
    return depth >= _DEEPEST or any(
        carries(one, depth + 1) for one in held if not isinstance(one, functions)
    )


def _module_name(value: object) -> object:
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return value.__module__
    return None


def _is_numpy_scalar(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    scalar = getattr(numpy, "generic", None)
    return isinstance(scalar, type) and isinstance(value, scalar)
