"""`provfs diff`: what differs between two versions or executions, and what made the difference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, json_option, settings
from provfs.errors import ConfigError
from provfs.log.answers import Version
from provfs.queries import lineage
from provfs.queries.comparison import Comparison, compare, compare_executions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from provfs.queries.contents import Difference

_EXECUTION = re.compile(r"#[0-9]+")
_MOST_PACKAGES = 20


@click.command()
@click.argument("a")
@click.argument("b", required=False)
@home_option
@json_option
def command(a: str, b: str | None, *, as_json: bool) -> None:
    """Compare two versions, or two executions written as '#12'.

    Inputs by content, code, command, git commit, environment, packages, settings, metrics. One name
    alone means its last two versions; NAME@3 alone means @3 and the one before. Of versions all
    steps on the way count, of executions what their programs read and wrote.

    \b
    Example:
      provfs diff model.joblib
      provfs diff model.joblib@1 model.joblib@3
      provfs diff '#2' '#5'
    """
    with fresh_log(settings()) as connection:
        result = _compare(connection, a, b)
    if as_json:
        render.print_json(_as_mapping(result))
    else:
        _print(result)


def _compare(connection: duckdb.DuckDBPyConnection, a: str, b: str | None) -> Comparison:
    numbers = [_EXECUTION.fullmatch(name) is not None for name in (a, b) if name is not None]
    if any(numbers):
        if b is None or not all(numbers):
            msg = "an execution can only be compared with another execution"
            raise ConfigError(msg, hint="provfs diff '#2' '#5'; what each did: provfs show '#2'")
        return compare_executions(connection, int(a[1:]), int(b[1:]))
    if b is None:
        older, newer = lineage.last_two(connection, artifact_name(a))
    else:
        older = lineage.find_version(connection, artifact_name(a))
        newer = lineage.find_version(connection, artifact_name(b))
    return compare(connection, older, newer)


def _as_mapping(result: Comparison) -> dict[str, Any]:
    fields = result._asdict()
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = [difference._asdict() for difference in value]
        elif isinstance(value, Version):
            fields[name] = value._asdict()
    return fields


def _print(result: Comparison) -> None:
    click.secho(f"{_named(result.a)}  →  {_named(result.b)}", bold=True)
    if isinstance(result.a, Version) and isinstance(result.b, Version):
        same = "the same content" if result.same_content else "content differs"
        click.echo(f"{same}: {render.digest(result.a.digest)}  →  {render.digest(result.b.digest)}")
    for head, noun, differences, same_files in (
        ("made from", "equal input", result.inputs, result.same_inputs),
        ("made", "equal output", result.outputs, result.same_outputs),
    ):
        rows = [(render.place(d.name), d.kind, _states(d.a), _states(d.b)) for d in differences]
        _print_part(head, rows, render.count(same_files, noun) if same_files else "")
    _print_part(
        "code",
        [(render.place(d.name), d.kind, _digests(d.a), _digests(d.b)) for d in result.code],
        render.count(result.same_code, "equal file") if result.same_code else "",
    )
    _print_part("execution", [(d.name, "", _value(d.a), _value(d.b)) for d in result.execution], "")
    _print_part("environment", [(d.name, "", _value(d.a), _value(d.b)) for d in result.environment])
    packages = [(d.name, "", _value(d.a), _value(d.b)) for d in result.packages]
    more = len(packages) - _MOST_PACKAGES
    packages[_MOST_PACKAGES:] = [(f"and {more} more", "", "…", "…")] if more > 0 else []
    same = render.count(result.same_packages, "equal package") if result.same_packages else ""
    _print_part("packages", packages, same if packages else "")
    _print_part("settings", _side_by_side(result.settings))
    _print_part("metrics", _side_by_side(result.metrics))


def _named(side: Version | Mapping[str, Any]) -> str:
    if isinstance(side, Version):
        return tree.named(side.uri, side.ordinal)
    return tree.via(side["execution_id"], side["command"])


def _digests(found: str | Sequence[str] | None) -> str:
    return render.digest(found) if found is None or isinstance(found, str) else "several"


def _print_part(head: str, rows: Sequence[tuple[str, str, str, str]], equal: str = "") -> None:
    if not rows and not equal:
        return
    click.echo(f"\n{click.style(head, bold=True)}{f'  ({equal})' if equal else ''}")
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    for name, kind, ours, theirs in rows:
        columns = [name.ljust(widths[0]), kind.ljust(widths[1]), ours.ljust(widths[2])]
        shown = [text for text, size in zip(columns, widths, strict=True) if size]
        click.echo(f"  {'  '.join(shown)}  →  {theirs}")


def _side_by_side(differences: Sequence[Difference]) -> list[tuple[str, str, str, str]]:
    """Return rows of values; a file of which nothing is left on one side says so once."""
    rows = []
    for uri in dict.fromkeys(d.kind for d in differences):
        values = [d for d in differences if d.kind == uri]
        gone = [all(d[side] is None for d in values) for side in (2, 3)]
        shown = [
            ["no longer there" if gone[s] else _value(d[s + 2]) for d in values] for s in (0, 1)
        ]
        rows += [(d.name, render.place(uri), a, b) for d, a, b in zip(values, *shown, strict=True)]
    return rows


def _states(states: Sequence[dict[str, Any]] | None) -> str:
    if not states:
        return "-"
    shown = [f"@{state['ordinal']} {render.digest(state['digest'])}" for state in states[:3]]
    return ", ".join(shown) + (" …" if len(states) > len(shown) else "")


def _value(value: object) -> str:
    if isinstance(value, list):
        return render.command([str(word) for word in value])
    return render.cell(value)
