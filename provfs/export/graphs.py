"""Write a tree as a graph in DOT or Mermaid; pure.

Contract: one node for each group of versions, however often it stands in the tree, and one arrow
for each edge, from what was read to what was written. Labels are escaped, so that any file name
gives a valid graph. Not here: which groups there are, see `provfs.queries.graph`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provfs.queries.graph import Line

_SHAPES = {"model": ("([", "])"), "metrics": ("{{", "}}"), "config": ("[/", "/]")}
_BOX = ("[", "]")
_DOT_SHAPES = {"model": "ellipse", "metrics": "hexagon", "config": "note"}


class Labelled(NamedTuple):
    """A line of a tree and the name that people know it by."""

    line: Line
    label: str


def dot(lines: Sequence[Labelled], *, upstream: bool) -> str:
    """Return the graph as Graphviz reads it."""
    nodes, arrows = _graph(lines, upstream=upstream)
    text = ["digraph lineage {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for number, (label, kind) in enumerate(nodes):
        text.append(
            f'  n{number} [label="{_quoted(label)}", shape={_DOT_SHAPES.get(kind, "box")}];'
        )
    text += [f'  n{a} -> n{b} [label="{_quoted(why)}"];' for (a, b), why in arrows.items()]
    return "\n".join([*text, "}"]) + "\n"


def mermaid(lines: Sequence[Labelled], *, upstream: bool) -> str:
    """Return the graph as Markdown renderers draw it."""
    nodes, arrows = _graph(lines, upstream=upstream)
    text = ["flowchart LR"]
    for number, (label, kind) in enumerate(nodes):
        opening, closing = _SHAPES.get(kind, _BOX)
        text.append(f'  n{number}{opening}"{_entities(label)}"{closing}')
    text += [f'  n{a} -->|"{_entities(why)}"| n{b}' for (a, b), why in arrows.items()]
    return "\n".join(text) + "\n"


def _graph(
    lines: Sequence[Labelled], *, upstream: bool
) -> tuple[list[tuple[str, str]], dict[tuple[int, int], str]]:
    """Return (label, kind) of each node, and the reason of each arrow, by numbers of nodes."""
    numbers: dict[tuple[int, ...], int] = {}
    nodes: list[tuple[str, str]] = []
    arrows: dict[tuple[int, int], str] = {}
    for line, label in lines:
        ids = line.group.version_ids
        if ids not in numbers:
            numbers[ids] = len(nodes)
            nodes.append((label, line.group.kind))
        if line.parent is not None:
            above = numbers[lines[line.parent].line.group.version_ids]
            pair = (numbers[ids], above) if upstream else (above, numbers[ids])
            arrows.setdefault(pair, why(line))
    return nodes, arrows


def why(line: Line) -> str:
    """Return the rules of a line, with the confidence where it is not certain."""
    rules = ", ".join(line.group.rules)
    confidence = line.group.confidence
    return rules if confidence is None or confidence >= 1 else f"{rules} {confidence:g}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _entities(text: str) -> str:
    text = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
    return text.replace(">", "#gt;").replace("\n", " ")
