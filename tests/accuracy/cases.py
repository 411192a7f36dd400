"""The form of a labelled case: what runs, and which edges are exactly right.

A case is a few plain programs that know nothing of provfs, the files that lie there before, the
commands in their order, and the answer: edges with rule and confidence, artifacts, versions. What
a case does not list must not be in the log. Labels come from the table of the design, never from
what provfs answered. Not here: how a case is run and compared, see `tests.accuracy.harness`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ANY_COMMAND = "`provfs run -- anything`: no code change, nothing missed, nobody confused"

TABLE_CONFIDENCE = {
    "same-process": 1.0,
    "worker": 0.9,
    "peer": 0.8,
    "child": 0.6,
    "parent": 0.6,
    "pipe": 0.9,
    "rename": 1.0,
    "copy": 1.0,
}
"""What the design's table gives a rule at its best; a case names the lower value where that is
right.
"""


class Edge(NamedTuple):
    """One labelled edge.

    `input` and `output` are `<name>#<ordinal of the version>`; `rules` are the allowed ones;
    `confidence` None is not compared; an `optional` edge may be missing.
    """

    input: str
    output: str
    rules: tuple[str, ...]
    confidence: float | None
    optional: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        """What the edge joins."""
        return self.input, self.output


class Step(NamedTuple):
    """One command line, from the work directory.

    The word `python` at its start stands for the interpreter of the tests, `{python}` anywhere
    else. `captured` False runs it bare, so that nobody sees what it does. `status` as subprocess
    shows it.
    """

    command: tuple[str, ...]
    captured: bool = True
    status: int = 0


@dataclass(frozen=True)
class Case:
    """One variant of one line of the design's table.

    `programs` and `files` map names to sources and contents; `expected` is exact apart from its
    optional edges; `alone` are artifacts that are known without being at either end of an edge;
    `absent` are names that must not be artifacts; `versions` counts the versions of an artifact;
    `incomplete` are versions marked so; `collapsed` is an artifact whose printed upstream must
    stay short, and match the pattern `collapsed_as` where there is one; `needs` are packages
    without which the case is skipped; `pending` is the subject of the issue that will make it
    pass.
    """

    number: int
    variant: str
    title: str
    steps: tuple[Step, ...]
    expected: frozenset[Edge] = frozenset()
    programs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    versions: Mapping[str, int] = field(default_factory=dict)
    incomplete: frozenset[str] = frozenset()
    collapsed: str | None = None
    collapsed_as: str | None = None
    needs: tuple[str, ...] = ()
    pending: str | None = None

    @property
    def name(self) -> str:
        """How test output calls it, such as `04-open`."""
        return f"{self.number:02d}-{self.variant}"

    @property
    def artifacts(self) -> frozenset[str]:
        """The names that must be artifacts, and the only ones that may be."""
        ends = (end for edge in self.expected for end in edge.pair)
        return self.alone | {end.rpartition("#")[0] for end in ends}


def edges(
    text: str,
    rule: str = "same-process",
    confidence: float | None = None,
    *,
    optional: bool = False,
) -> frozenset[Edge]:
    """Read labels such as `a.csv -> x.csv, a.csv#2 -> x.csv#3`.

    Args:
        text: Pairs separated by commas; a name without an ordinal means its first version.
        rule: The rule, or several allowed ones separated by `|` (confidence then only where given).
        confidence: Defaults to what the table gives the rule at its best.
        optional: The edges may be missing.
    """
    rules = tuple(rule.split("|"))
    if confidence is None and len(rules) == 1:
        confidence = TABLE_CONFIDENCE[rule]
    ends = (pair.split(" -> ") for pair in text.split(",") if pair.strip())
    return frozenset(
        Edge(_versioned(source), _versioned(target), rules, confidence, optional)
        for source, target in ends
    )


def _versioned(name: str) -> str:
    name = name.strip()
    return name if "#" in name else f"{name}#1"


def source(*parts: str) -> str:
    """Join pieces of a program, each written indented in place."""
    return "\n".join(textwrap.dedent(part) for part in parts)


def python(*arguments: str, captured: bool = True, status: int = 0) -> Step:
    """Return the step that runs the interpreter with these arguments."""
    return Step(("python", *arguments), captured, status)
