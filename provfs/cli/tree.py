"""Print the lineage of a version as a tree or a table.

Not here: what hangs below what, see `provfs.queries.graph`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render
from provfs.queries import graph, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

DEFAULT_DEPTH = 20
"""Levels of a tree that fit on a screen; answers in JSON and `--flat` have all."""

_ROOT_FIELDS = ("uri", "ordinal", "digest", "version_id")
_SHORTEST_LABEL = 24
_LONGEST_COMMAND = 40
_MOST_NUMBERS = 3
_MOST_EXECUTIONS = 10


def print_lineage(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    *,
    upstream: bool,
    depth: int | None,
    form: str,
) -> None:
    """Print what a version depends on, or what depends on it.

    Args:
        connection: The log.
        name: As the macros understand it.
        upstream: What it depends on; otherwise what depends on it.
        depth: How many steps at most; None for all, in a tree for the default.
        form: `tree`, `flat` or `json`.
    """
    if upstream:
        roots = [lineage.find_version(connection, name)]
    else:
        roots = lineage.beginnings(connection, name)
    root = roots[0]
    if form == "tree":
        for place, each in enumerate(roots):
            if place:
                click.echo()
            _print_tree(connection, each, upstream=upstream, depth=depth or DEFAULT_DEPTH)
        return
    direction = "upstream" if upstream else "downstream"
    wanted = lineage.exact(root) if len(roots) == 1 else root.uri
    answer = lineage.ask(connection, direction, wanted)
    rows = [row for row in answer.dicts() if depth is None or row["depth"] <= depth]
    if form == "json":
        fields = [{name: getattr(each, name) for name in _ROOT_FIELDS} for each in roots]
        render.print_json({"versions": fields, direction: rows})
    else:
        _print_flat(rows)


def _print_flat(rows: Sequence[Mapping[str, Any]]) -> None:
    render.print_table(
        ("depth", "version", "digest", "rule", "conf", "via"),
        [
            (
                row["depth"],
                named(row["uri"], row["ordinal"]),
                render.digest(row["digest"]),
                row["rule"],
                row["confidence"],
                via(row["via_execution"], row["command"]),
            )
            for row in rows
        ],
        right=(0, 4),
    )


def _print_tree(
    connection: duckdb.DuckDBPyConnection, root: lineage.Version, *, upstream: bool, depth: int
) -> None:
    # One step more than is shown, to know where something is left out.
    edges = lineage.walk(connection, root.version_id, upstream=upstream, depth=depth + 1)
    met = {root.version_id, *(e.input_id for e in edges), *(e.output_id for e in edges)}
    known = lineage.describe(connection, met)
    names = {version_id: (one.uri, one.kind) for version_id, one in known.items()}
    lines = graph.draw(root.version_id, edges, names, upstream=upstream, depth=depth)
    _print_lines([_cells(line, known) for line in lines])
    _print_code(connection, lines, root.execution_id)
    if not edges:
        direction = "that it was made from" if upstream else "that was made from it"
        click.echo(f"nothing {direction} was seen", err=True)
    _print_notes(lines)


def _cells(line: graph.Line, known: Mapping[int, lineage.Version]) -> tuple[str, str, str, str]:
    """Return branch and name, digest, rule, and via of one line."""
    mark = ""
    if line.repeated:
        mark = " (see above)"
    elif line.cut:
        mark = " …"
    first = known[line.version_ids[0]]
    if line.directory is None:
        label, digest = named(first.uri, first.ordinal), render.digest(first.digest)
    else:
        names = {known[version_id].uri for version_id in line.version_ids}
        folded = f"{render.directory(line.directory)} ({render.count(len(names), 'file')}"
        more = len(line.version_ids) - len(names)
        label, digest = folded + (f", {len(line.version_ids):,} versions)" if more else ")"), ""
    rule = ", ".join(line.rules)
    if line.confidence is not None and line.confidence < 1:
        rule += f" {line.confidence:g}"
    numbers = ", ".join(f"#{number}" for number in line.execution_ids[:_MOST_NUMBERS])
    if len(line.execution_ids) > _MOST_NUMBERS:
        numbers = render.count(len(line.execution_ids), "execution")
    return line.branch + label + mark, digest, rule, numbers


def _print_lines(table: Sequence[tuple[str, str, str, str]]) -> None:
    """Print the lines of a tree in columns; a name longer than its column pushes its own line."""
    longest = [max(len(row[place]) for row in table) for place in range(3)]
    room = render.width() - longest[1] - longest[2] - 10
    label_width = min(longest[0], max(room, _SHORTEST_LABEL))
    for label, digest, rule, numbers in table:
        row = [
            label.ljust(label_width),
            click.style(digest.ljust(longest[1]), fg="yellow") if digest or rule else "",
            click.style(rule.ljust(longest[2]), fg="cyan") if rule else "",
            numbers,
        ]
        click.echo("  ".join(row).rstrip())


def _print_code(
    connection: duckdb.DuckDBPyConnection, lines: Iterable[graph.Line], writer: int | None
) -> None:
    """Say what the executions in the tree ran: command, script with digest, git commit."""
    wanted = {number for line in lines for number in line.execution_ids}
    numbers = sorted(wanted if writer is None else wanted | {writer})
    if not numbers:
        return
    rows = lineage.code_of(connection, numbers)
    click.echo()
    shown = rows[-_MOST_EXECUTIONS:]
    width = max(len(f"#{row['execution_id']}") for row in shown)
    commands = [render.shortened(render.command(row["command"]), _LONGEST_COMMAND) for row in shown]
    for row, text in zip(shown, commands, strict=True):
        number = f"#{row['execution_id']}".ljust(width)
        click.echo(f"{number}  {text.ljust(max(map(len, commands)))}  {code(row)}".rstrip())
    if len(rows) > len(shown):
        click.echo(
            f"and {render.count(len(rows) - len(shown), 'earlier execution')}; --flat shows all",
            err=True,
        )


def code(run: Mapping[str, Any]) -> str:
    """Return the code of an execution for people: script with digest, commit; or nothing."""
    parts = []
    if run["code_uri"] is not None:
        parts.append(f"{render.place(run['code_uri'])} {render.digest(run['code_digest'])}")
    if run["git_commit"] is not None:
        parts.append(f"git {run['git_commit'][:10]}{' + changes' if run['git_dirty'] else ''}")
    return ", ".join(parts)


def _print_notes(lines: Iterable[graph.Line]) -> None:
    folded = [line for line in lines if line.directory is not None]
    if folded:
        hidden = sum(len(line.version_ids) for line in folded)
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
