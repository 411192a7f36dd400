"""Turn groups of versions into a tree that a person can read; pure.

Contract: every group that is reached stands in the tree at least once; one met again is not
unfolded again. Lines come in the order in which they are shown. Not here: where groups come from,
see `provfs.queries.folding`; how a line looks, see `provfs.cli.render`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Group(NamedTuple):
    """One version, or many that people think of as one, and why it hangs where it hangs.

    Attributes:
        place: Uri of the artifact; of a directory, ending in `/`; or of shards, with `*`.
        kind: Kind of the artifacts.
        version_ids: The versions, sorted.
        files: How many artifacts they belong to.
        size_bytes: Size of all together; None where no size is known.
        digest: Tagged digest, of the content or of the tree; None where not known.
        confidence: The smallest among the edges; None for the root.
        rules: Why; sorted, empty for the root.
        execution_ids: The executions of the edges, sorted.
    """

    place: str
    kind: str
    version_ids: tuple[int, ...]
    files: int
    size_bytes: int | None
    digest: str | None
    confidence: float | None
    rules: Sequence[str]
    execution_ids: Sequence[int]


class Line(NamedTuple):
    """One line of a tree.

    Attributes:
        branch: Text before the name that draws the tree.
        group: What the line stands for.
        parent: Place of the line above in the list of lines; None for the root.
        repeated: True where what lies below is shown elsewhere.
        cut: True where what lies below is left out because of the depth.
    """

    branch: str
    group: Group
    parent: int | None
    repeated: bool
    cut: bool


class _Pending(NamedTuple):
    """A line that is still to be drawn; `stem` is the branch of lines below it."""

    group: Group
    parent: int | None
    branch: str
    stem: str
    depth: int


def draw(
    root: Group, below: Mapping[tuple[int, ...], Sequence[Group]], *, depth: int | None
) -> list[Line]:
    """Return the lines of the tree below one group.

    Args:
        root: What stands at the top.
        below: What hangs below the versions of a group.
        depth: How many levels below the root are shown; None for all.
    """
    lines: list[Line] = []
    unfolded: set[int] = set()
    stack = [_Pending(root, None, "", "", 0)]
    while stack:
        pending = stack.pop()
        ids = pending.group.version_ids
        hanging = below.get(ids, ())
        cut = bool(hanging) and depth is not None and pending.depth >= depth
        repeated = bool(hanging) and not cut and unfolded.issuperset(ids)
        lines.append(Line(pending.branch, pending.group, pending.parent, repeated, cut))
        if not cut and not repeated:
            unfolded.update(ids)
            stack.extend(_children(hanging, pending, len(lines) - 1))
    return lines


def _children(groups: Sequence[Group], above: _Pending, parent: int) -> list[_Pending]:
    """Return the pending lines of some groups, the first one last."""
    last = len(groups) - 1
    return [
        _Pending(
            group,
            parent,
            above.stem + ("└─ " if place == last else "├─ "),
            above.stem + ("   " if place == last else "│  "),
            above.depth + 1,
        )
        for place, group in reversed(list(enumerate(groups)))
    ]
