"""Print the lineage of versions as trees for people.

Contract: what is printed fits a screen however many files were read: the engine folds them, and
what is folded, cut or hidden is said. Not here: what hangs below what, see
`provfs.queries.folding`; tables, see `provfs.cli.walks`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render
from provfs.export.graphs import Labelled, why
from provfs.queries import folding, graph, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

    from provfs.log.answers import Version

DEFAULT_DEPTH = 20
"""Levels of a tree that fit on a screen; answers in JSON and `--flat` have all."""

_SHORTEST_LABEL = 24
_LONGEST_COMMAND = 40
_MOST_NUMBERS = 3
_MOST_EXECUTIONS = 10


def print_trees(
    connection: duckdb.DuckDBPyConnection,
    roots: Sequence[Version],
    *,
    upstream: bool,
    depth: int,
    least_confidence: float,
) -> None:
    """Print for each version what it depends on, or what depends on it."""
    trees = planted(
        connection, roots, upstream=upstream, depth=depth, least_confidence=least_confidence
    )
    writers = {root.version_id: root.execution_id for root in roots}
    for place, lines in enumerate(trees):
        if place:
            click.echo()
        _print_lines([_cells(one) for one in lines])
        _print_code(connection, lines, writers[lines[0].line.group.version_ids[0]])
        if len(lines) == 1:
            direction = "that it was made from" if upstream else "that was made from it"
            click.echo(f"nothing {direction} was seen", err=True)
    _print_notes([one.line for lines in trees for one in lines])


def planted(
    connection: duckdb.DuckDBPyConnection,
    roots: Sequence[Version],
    *,
    upstream: bool,
    depth: int,
    least_confidence: float,
) -> list[list[Labelled]]:
    """Return the lines of one tree for each version, or one for all where they are many."""
    tops = [_root(root) for root in roots]
    if len(roots) > folding.MOST_SIBLINGS:
        tops = [_root_of_many(roots)]
    below = folding.unfold(
        connection,
        [top.version_ids for top in tops],
        folding.UPSTREAM if upstream else folding.DOWNSTREAM,
        depth=depth,
        least_confidence=least_confidence,
    )
    trees = [graph.draw(top, below, depth=depth) for top in tops]
    alone = {line.group.version_ids[0] for lines in trees for line in lines if _is_one(line.group)}
    known = lineage.describe(connection, alone)
    return [[Labelled(line, _label(line.group, known)) for line in lines] for lines in trees]


def _root(version: Version) -> graph.Group:
    return graph.Group(
        version.uri, version.kind, (version.version_id,), 1, version.size_bytes, version.digest,
        None, (), (),
    )  # fmt: skip


def _root_of_many(versions: Sequence[Version]) -> graph.Group:
    uris = {version.uri for version in versions}
    place = next(iter(uris))
    if len(uris) > 1:
        first, last = (uri.split("/")[:-1] for uri in (min(uris), max(uris)))
        shared = itertools.takewhile(
            lambda pair: pair[0] == pair[1], zip(first, last, strict=False)
        )
        place = "/".join(part for part, _ in shared) + "/"
    ids = tuple(sorted(version.version_id for version in versions))
    return graph.Group(place, versions[0].kind, ids, len(uris), None, None, None, (), ())


def _is_one(group: graph.Group) -> bool:
    return len(group.version_ids) == 1


def _label(group: graph.Group, known: Mapping[int, Version]) -> str:
    if _is_one(group):
        version = known[group.version_ids[0]]
        return named(version.uri, version.ordinal)
    counted = []
    if group.files > 1:
        counted.append(render.count(group.files, "file"))
    if len(group.version_ids) > group.files:
        counted.append(render.count(len(group.version_ids), "version"))
    return f"{render.directory(group.place)} ({', '.join(counted)})"


def _cells(one: Labelled) -> tuple[str, str, str, str]:
    """Return branch and name, digest, rule, and executions of one line."""
    line = one.line
    mark = " (see above)" if line.repeated else " …" if line.cut else ""
    ids = line.group.execution_ids
    numbers = ", ".join(f"#{number}" for number in ids[:_MOST_NUMBERS])
    if len(ids) > _MOST_NUMBERS:
        numbers = render.count(len(ids), "execution")
    digest = render.digest(line.group.digest) if line.group.rules or _is_one(line.group) else ""
    return line.branch + one.label + mark, digest, why(line), numbers


def _print_lines(table: Sequence[tuple[str, str, str, str]]) -> None:
    """Print the lines of a tree in columns; a name longer than its column pushes its own line."""
    longest = [max(render.columns(row[place]) for row in table) for place in range(3)]
    room = render.width() - longest[1] - longest[2] - 10
    label_width = min(longest[0], max(room, _SHORTEST_LABEL))
    for label, digest, rule, numbers in table:
        row = [
            render.padded(label, label_width),
            click.style(render.padded(digest, longest[1]), fg="yellow") if digest or rule else "",
            click.style(render.padded(rule, longest[2]), fg="cyan") if rule else "",
            numbers,
        ]
        click.echo("  ".join(row).rstrip())


def _print_code(
    connection: duckdb.DuckDBPyConnection, lines: Iterable[Labelled], writer: int | None
) -> None:
    """Say what the executions in the tree ran: command, script with digest, git commit."""
    wanted = {number for one in lines for number in one.line.group.execution_ids}
    numbers = sorted(wanted if writer is None else wanted | {writer})
    if not numbers:
        return
    shown = lineage.code_of(connection, numbers[-_MOST_EXECUTIONS:])
    click.echo()
    width = max(len(f"#{row['execution_id']}") for row in shown)
    commands = [render.shortened(render.command(row["command"]), _LONGEST_COMMAND) for row in shown]
    longest = max(map(render.columns, commands))
    for row, text in zip(shown, commands, strict=True):
        number = f"#{row['execution_id']}".ljust(width)
        click.echo(f"{number}  {render.padded(text, longest)}  {code(row)}".rstrip())
    if len(numbers) > len(shown):
        more = render.count(len(numbers) - len(shown), "earlier execution")
        click.echo(f"and {more}; --flat shows all", err=True)


def code(run: Mapping[str, Any]) -> str:
    """Return the code of an execution for people: script with digest, commit; or nothing."""
    parts = []
    if run["code_uri"] is not None:
        parts.append(f"{render.place(run['code_uri'])} {render.digest(run['code_digest'])}")
    if run["git_commit"] is not None:
        parts.append(f"git {run['git_commit'][:10]}{' + changes' if run['git_dirty'] else ''}")
    return ", ".join(parts)


def _print_notes(lines: Iterable[graph.Line]) -> None:
    folded = [line.group for line in lines if not _is_one(line.group)]
    if folded:
        hidden = sum(len(group.version_ids) for group in folded)
        where = render.count(len(folded), "line")
        click.echo(
            f"{render.count(hidden, 'version')} folded into {where}; --flat lists each", err=True
        )
    if any(line.cut for line in lines):
        click.echo("deeper levels are left out (…); --depth N shows more, --flat all", err=True)


def named(uri: str, ordinal: int) -> str:
    """Return a version for people: place and ordinal."""
    return f"{render.place(uri)}@{ordinal}"


def via(execution_id: int | None, command: Sequence[str] | None) -> str:
    """Return an execution for people: number and command; empty where none was seen."""
    return "" if execution_id is None else f"#{execution_id} {render.command(command)}"
