"""Which earlier cells' data a cell uses, by the names that they share."""

from __future__ import annotations

import re
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provfs.capture.contexts.flow import MOST_SOURCES, Flow

Sources = list[tuple[str, ...] | None]


class Notebook:
    """Runs cells in one namespace, numbered from 1, and asks the flow after each."""

    def __init__(self, **given: object) -> None:
        self.namespace: dict[str, object] = {"__name__": "__main__", **given}
        self.flow = Flow(dict(given))
        self.count = 0

    def run(self, code: str, *, execute: bool = True) -> tuple[str, ...] | None:
        self.count += 1
        failed = False
        self.flow.begin(code, self.namespace)
        try:
            if execute:
                exec(code, self.namespace)  # noqa: S102 - that is what a cell is
        except ArithmeticError:
            failed = True
        return self.flow.end(str(self.count), self.namespace, failed=failed)


def sources(*cells: str, execute: bool = True) -> Sources:
    notebook = Notebook()
    return [notebook.run(cell, execute=execute) for cell in cells]


USED = {
    "name": ("a = [1]", "b = a"),
    "immutable-value": ("a = str(1)", "b = a + 'x'"),
    "mutated-object": ("r = []", "r.append(1)", "x = r"),
    "mutated-alias": ("a = []\nb = a", "b.append(1)", "x = a"),
    "item-set": ("d = {}", "d['k'] = [1]", "x = d"),
    "augmented": ("n = str(1)", "n += 'x'", "x = n"),
    "branch": ("t = [1]", "if len('a') > 5:\n    t = [2]", "x = t"),
    "failed-before-binding": ("t = [1]", "t = [2] and 1 / 0", "x = t"),
    "loop-that-may-not-run": ("t = [1]", "while False:\n    t = 2", "x = t"),
    "function": ("df = [1]", "def f(): return df", "x = f()"),
    "method": ("class C:\n    def go(self): return df\nc = C()", "df = [1]", "x = c.go()"),
    "lambda": ("df = [1]", "f = lambda: df", "x = f()"),
    "default": ("a = str(1)", "def f(x=a): return x", "y = f()"),
    "closure": ("def make(d):\n    return lambda: d\nf = make([1])", "pass", "x = f()"),
    "class-attribute": ("a = [1]\nclass C: pass", "C.data = a", "x = C.data"),
    "class-body": ("a = str(1)", "class C:\n    text = a", "x = C.text"),
    "partial": ("import functools\nf = functools.partial(print, [1])", "pass", "f()"),
    "bound-method": ("a = []\nput = a.append", "put(1)", "x = a"),
    "comprehension": ("a = [1]", "b = [x for x in a]", "c = {k: v for k, v in zip(b, b)}"),
    "walrus": ("a = [1]", "if (n := len(a)) > 0: pass", "x = n"),
    "deletion-of-item": ("d = {'k': 1}", "del d['k']", "x = d"),
    "tuple-of-lists": ("t = ([],)", "t[0].append(1)", "x = t"),
    "star-expression": ("a = [1]", "b = [*a]", "print(*b)"),
    "try": ("t = [1]", "try:\n    t = [1 / 0]\nexcept ArithmeticError: pass", "x = t"),
    "match": ("a = [1]", "match a:\n    case [b]: c = [b]", "x = c"),
    "annotated": ("a: list = [1]", "b: object = a", "x = b"),
    "with": ("import io\nf = io.StringIO()", "with f as g: g.write('1')", "x = g"),
    "format": ("a = str(1)", "b = f'{a}'", "x = b"),
}


@pytest.mark.parametrize("cells", USED.values(), ids=USED)
def test_data_that_goes_through_names_is_found(cells):
    """The last cell uses what the first one has made, directly or through the one between."""
    assert "1" in sources(*cells)[-1]


FREE = {
    "same-names": ("t = [1]\nx = t", "t = [2]\nx = t"),
    "with-file": (
        "with open('/dev/null') as f: a = f.read()",
        "with open('/dev/null') as f: b = 1",
    ),
    "imports": ("import json\na = [1]", "b = json.dumps([1])"),
    "imports-again": ("import json\na = [json]", "import json\nb = [json]"),
    "helper": ("def f(p, n=3): return [p]\na = f(1)", "b = f(2)"),
    "helper-class": ("class C:\n    n = 3\n    def go(self): return []\na = C()", "b = C().go()"),
    "constants": ("ROOT = 'data/' + 'x'\nN = (1, -2)\na = [N]", "b = [ROOT, N]"),
    "loop-variable": ("for i in range(3): a = [i]", "for i in range(3): b = [i]"),
    "loop-result": ("for i in range(3): a = [i]\nx = a", "for i in range(3): a = [i]\nx = a"),
    "comprehension-variable": ("x = [1]", "y = [x for x in range(3)]"),
    "function-locals": ("df = [1]", "def f():\n    df = [2]\n    return df\nx = f()"),
    "branches-both": ("t = [1]", "if len('a') > 5: t = [2]\nelse: t = [3]\nx = t"),
    "attribute-name": ("data = [1]", "class C: pass\nc = C()\nc.data = 2"),
    "keyword": ("sep = [1]", "print(1, sep='')"),
}


@pytest.mark.parametrize("cells", FREE.values(), ids=FREE)
def test_independent_cells_are_found_independent(cells):
    """Names that are bound anew, code and constants carry no data from one cell to the next."""
    assert sources(*cells)[-1] == ()


MAGIC = "get_ipython().run_line_magic({!r}, {!r})"
MAGICS = [
    ("get_ipython().system('head $a')", ("1",)),
    ("x = get_ipython().getoutput('wc {a}')", ("1",)),
    ("get_ipython().system('ls')", ()),
    (MAGIC.format("matplotlib", "inline"), ()),
    (MAGIC.format("time", "b = a"), ("1",)),
    (MAGIC.format("timeit", "-n 3 -r 2 sum(a)"), ("1",)),
    (MAGIC.format("run", "prepare.py"), None),
    ("get_ipython().run_cell_magic('time', '', 'b = a\\n')", ("1",)),
    ("get_ipython().run_cell_magic('bash', '', 'echo hello\\n')", ()),
    ("get_ipython().run_cell_magic('unknown', '', 'x\\n')", None),
    ("ip = get_ipython()", None),
    ("exec('b = a')", None),
    ("x = Out[1]", None),
    ("x = _", None),
    ("x = _1", None),
    ("for _ in []: pass", ()),
    ("this is no Python", None),
]


@pytest.mark.parametrize(("cell", "expected"), MAGICS)
def test_magics_are_understood_or_may_use_all(cell, expected):
    """Shell escapes and timing use the names they say; what cannot be understood may use any."""
    notebook = Notebook()
    notebook.run("a = [1]\nb = [2]")

    assert notebook.run(cell, execute=False) == expected


def test_opaque_cell_reaches_all_names():
    """What a cell may have changed unseen depends on it from then on."""
    assert sources("a = [1]", "eval('a')", "b = [2]", "x = a") == [(), None, (), ("1", "2")]


def test_state_of_a_project_module_is_shared(tmp_path, monkeypatch):
    """A module of the project can hold what it was given; an installed one is taken for code."""
    (tmp_path / "keeper.py").write_text("held = []\ndef put(x): held.append(x)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        cells = ("import keeper\nkeeper.put(1)", "from keeper import put\nput(2)", "b = [3]")
        assert sources(*cells) == [(), ("1",), ()]
    finally:
        sys.modules.pop("keeper", None)


def test_names_of_the_shell_itself_are_no_data():
    """What the shell has put into the namespace joins no cells, until a cell binds it anew."""
    notebook = Notebook(helper=types.SimpleNamespace())

    assert [notebook.run(c) for c in ("helper", "helper", "helper = []", "x = helper")] == [
        (),
        (),
        (),
        ("3",),
    ]


def test_forgotten_cell_may_be_anywhere():
    """After a cell that could not be followed, all later ones may use what came before."""
    notebook = Notebook()
    notebook.run("a = [1]")
    notebook.flow.forget("2")

    assert notebook.run("b = [2]") == ("1", "2")


def test_very_many_sources_are_not_listed():
    """A notebook of thousands of dependent cells does not fill the journal with lists."""
    notebook = Notebook()
    notebook.run("a = []")
    found = [notebook.run("a.append(1)") for _ in range(MOST_SOURCES + 1)]

    assert len(found[-2] or ()) == MOST_SOURCES
    assert found[-1] is None


_names = st.sampled_from("abcd")
_statement = st.one_of(
    st.builds("{} = new()".format, _names),
    st.builds("{} = use({!s})".format, _names, _names),
    st.builds("use({}).append(use({}))".format, _names, _names),
    st.builds("{} = [use({}), use({})]".format, _names, _names, _names),
    st.builds("{} = use({})[-1]".format, _names, _names),
    st.builds("{} = (use({}),)".format, _names, _names),
    st.builds("{} = text(use({}))".format, _names, _names),
    st.builds("def {}f(): return use({})".format, _names, _names),
    st.builds("{} = {}f()".format, _names, _names),
    st.builds("if odd(): {} = use({})".format, _names, _names),
    st.builds("for _ in range(2): {} = [use({})]".format, _names, _names),
    st.builds("1 / 0 if odd() else 0".format),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_statement, min_size=1, max_size=3), min_size=2, max_size=8))
def test_sources_hold_all_that_a_cell_has_touched(cells):
    """In random notebooks, whatever reaches a cell through objects comes from its sources."""
    touched: set[str] = set()
    flips: list[int] = []

    def use(value: object) -> object:
        touched.update(_marks(value, set()))
        return value

    def odd() -> bool:
        flips.append(0)
        return len(flips) % 2 == 1

    notebook = Notebook()
    given_names = {
        "new": lambda: [f"<{notebook.count}>"],
        "use": use,
        "odd": odd,
        "text": lambda value: "".join(sorted(_marks(value, set()))),
    }
    notebook.namespace |= given_names
    notebook.flow = Flow(given_names)
    for name in "abcd":
        notebook.run(f"{name} = new()\ndef {name}f(): return use({name})")
    for lines in cells:
        touched.clear()
        try:
            found = notebook.run("\n".join(lines))
        except (AttributeError, TypeError, IndexError, RecursionError):
            return
        allowed = {f"<{one}>" for one in (*(found or ()), str(notebook.count))}
        assert found is None or touched <= allowed


def _marks(value: object, seen: set[int]) -> set[str]:
    """Return the cells whose data is in an object, by the marks that `new` puts there."""
    if isinstance(value, str):
        return set(re.findall(r"<\d+>", value))
    if isinstance(value, (list, tuple)) and id(value) not in seen:
        seen.add(id(value))
        return set().union(*(_marks(one, seen) for one in value))
    return set()
