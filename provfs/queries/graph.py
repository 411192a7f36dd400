"""Turn edges into a tree that a person can read; pure.

Contract: every version that is reached stands in the tree at least once, alone or counted in a line
for its directory; a version met again is not unfolded again. Lines come in the order in which they
are shown. Not here: where edges come from, see `provfs.queries.lineage`; how a line looks, see
`provfs.cli.render`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_SIBLINGS = 10
"""More files than this of one directory below one line are shown as one line."""


class Edge(NamedTuple):
    """An output version that depends on an input version."""

    input_id: int
    output_id: int
    execution_id: int | None
    rule: str
    confidence: float


class Line(NamedTuple):
    """One line of a tree.

    Attributes:
        branch: Text before the name that draws the tree.
        version_ids: The versions that the line stands for; several where files of one directory are
            folded.
        directory: Uri of the directory, ending in `/`, where several are folded; else None.
        rules: The rules that link it to the line above, sorted; empty for the root.
        confidence: The smallest among these edges; None for the root.
        execution_ids: The executions of these edges, sorted.
        repeated: True where what lies below is shown elsewhere.
        cut: True where what lies below is left out because of the depth.
    """

    branch: str
    version_ids: tuple[int, ...]
    directory: str | None
    rules: tuple[str, ...]
    confidence: float | None
    execution_ids: tuple[int, ...]
    repeated: bool
    cut: bool


class _Pending(NamedTuple):
    """A line that is still to be drawn; `stem` is the branch of lines below it."""

    edges: Sequence[Edge]
    version_ids: tuple[int, ...]
    directory: str | None
    branch: str
    stem: str
    depth: int


def draw(
    root_id: int,
    edges: Iterable[Edge],
    names: Mapping[int, tuple[str, str]],
    *,
    upstream: bool,
    depth: int | None,
) -> list[Line]:
    """Return the lines of the tree below one version.

    Args:
        root_id: The version at the top.
        edges: Edges among the versions that are reached from it.
        names: Uri and kind of every version in the edges; files are only folded with those of their
            kind.
        upstream: Inputs hang below outputs; otherwise outputs below inputs.
        depth: How many levels below the root are shown; None for all.
    """
    below: dict[int, list[tuple[int, Edge]]] = {}
    for edge in edges:
        near, far = (edge.output_id, edge.input_id) if upstream else (edge.input_id, edge.output_id)
        below.setdefault(near, []).append((far, edge))
    lines: list[Line] = []
    unfolded: set[int] = set()
    stack = [_Pending((), (root_id,), None, "", "", 0)]
    while stack:
        pending = stack.pop()
        fresh = [node for node in pending.version_ids if node not in unfolded]
        has_more = any(node in below for node in pending.version_ids)
        cut = has_more and depth is not None and pending.depth >= depth
        repeated = has_more and not cut and not any(node in below for node in fresh)
        lines.append(
            Line(
                pending.branch,
                pending.version_ids,
                pending.directory,
                tuple(sorted({edge.rule for edge in pending.edges})),
                min((edge.confidence for edge in pending.edges), default=None),
                tuple(
                    sorted({e.execution_id for e in pending.edges if e.execution_id is not None})
                ),
                repeated,
                cut,
            )
        )
        if cut:
            continue
        unfolded.update(fresh)
        stack.extend(reversed(_children(fresh, below, names, pending)))
    return lines


def _children(
    nodes: Sequence[int],
    below: Mapping[int, Sequence[tuple[int, Edge]]],
    names: Mapping[int, tuple[str, str]],
    parent: _Pending,
) -> list[_Pending]:
    links: dict[int, list[Edge]] = {}
    for node in nodes:
        for far, edge in below.get(node, ()):
            if far not in parent.version_ids:
                links.setdefault(far, []).append(edge)
    alike: dict[tuple[str, str], list[int]] = {}
    for far in sorted(links, key=lambda far: (names[far][0], far)):
        uri, kind = names[far]
        alike.setdefault((uri.rpartition("/")[0] + "/", kind), []).append(far)
    bundles: list[tuple[tuple[int, ...], str | None]] = []
    for (directory, _), same in alike.items():
        if len(same) > MOST_SIBLINGS:
            bundles.append((tuple(same), directory))
        else:
            bundles.extend(((one,), None) for one in same)
    children = []
    for place, (members, folded) in enumerate(bundles):
        last = place == len(bundles) - 1
        children.append(
            _Pending(
                [edge for member in members for edge in links[member]],
                members,
                folded,
                parent.stem + ("└─ " if last else "├─ "),
                parent.stem + ("   " if last else "│  "),
                parent.depth + 1,
            )
        )
    return children
