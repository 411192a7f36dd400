"""What `provfs upstream` and `provfs downstream` share: names, filters and forms of the answer.

Contract: confidence restricts what is walked; all other filters choose what is shown of what was
found, so that a model behind ten steps is still found by its kind. What the confidence hides is
counted on stderr. Not here: trees, see `provfs.cli.tree`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, json_option, settings
from provfs.errors import ConfigError
from provfs.export import graphs
from provfs.queries import lineage
from provfs.scope import KINDS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    import duckdb

    from provfs.log.answers import Version

    F = TypeVar("F", bound="Callable[..., Any]")

DEFAULT_CONFIDENCE = 0.5
_ROOT_FIELDS = ("uri", "ordinal", "digest", "version_id")
_DRAWN = {"dot": graphs.dot, "mermaid": graphs.mermaid}


class Filters(NamedTuple):
    """What is shown of what was found; empty and None leave out nothing."""

    kind: tuple[str, ...]
    rule: tuple[str, ...]
    user: str | None
    program: str | None
    since: dt.datetime | None
    until: dt.datetime | None

    def match(self, row: Mapping[str, Any]) -> bool:
        """Say whether a found version is shown."""
        program = " ".join([*(row["command"] or ()), row["code_uri"] or ""])
        return (
            (not self.kind or row["kind"] in self.kind)
            and (not self.rule or row["rule"] in self.rule)
            and (self.user is None or row["user_name"] == self.user)
            and (self.program is None or self.program in program)
            and (self.since is None or row["created_at"] >= self.since.astimezone())
            and (self.until is None or row["created_at"] < self.until.astimezone())
        )


def walk_options(function: F) -> F:
    """Add the names, filters and forms of a walk."""
    for decorate in reversed(
        (
            click.argument("names", metavar="NAME...", nargs=-1, required=True),
            click.option(
                "--depth", type=click.IntRange(min=1), metavar="N", help="Show at most N steps."
            ),
            click.option(
                "--flat", is_flag=True, help="Print a table with every version, not a tree."
            ),
            click.option(
                "--min-confidence",
                "least_confidence",
                type=click.FloatRange(0, 1),
                default=DEFAULT_CONFIDENCE,
                show_default=True,
                metavar="C",
                help="Leave out what is less sure; 0 shows all.",
            ),
            click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Only this kind."),
            click.option("--rule", multiple=True, metavar="RULE", help="Only found by this rule."),
            click.option("--user", metavar="USER", help="Only by executions of this user."),
            click.option("--program", metavar="TEXT", help="Only where the command has this text."),
            click.option(
                "--since", type=click.DateTime(), metavar="TIME", help="Only from then on."
            ),
            click.option("--until", type=click.DateTime(), metavar="TIME", help="Only before."),
            click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a head line."),
            click.option(
                "--dot", "drawn", flag_value="dot", help="Print the tree as a Graphviz graph."
            ),
            click.option(
                "--mermaid", "drawn", flag_value="mermaid", help="Print it as a Mermaid graph."
            ),
            home_option,
            json_option,
        )
    ):
        function = decorate(function)
    return function


def answer(
    names: Sequence[str],
    *,
    upstream: bool,
    depth: int | None,
    flat: bool,
    least_confidence: float,
    drawn: str | None,
    as_csv: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Print what some versions depend on, or what depends on them, in the form that was asked for.

    Raises:
        ConfigError: Two forms exclude each other, or a form has no filters.
    """
    if sum((as_csv, as_json, drawn is not None)) > 1:
        msg = "--csv, --json, --dot and --mermaid exclude each other"
        raise ConfigError(msg)
    chosen = Filters(**filters)
    filtered = any(chosen)
    if filtered and drawn is not None:
        msg = "a graph cannot be filtered by kind, rule, user, program or time"
        raise ConfigError(msg, hint="use --flat, --csv or --json with filters")
    wanted = [artifact_name(name) for name in names]
    with fresh_log(settings()) as connection:
        roots = lineage.find_versions(connection, wanted, newest=upstream)
        if not (as_csv or as_json or flat or filtered):
            shape = {"depth": depth or tree.DEFAULT_DEPTH, "least_confidence": least_confidence}
            if drawn is not None:
                trees = tree.planted(connection, roots, upstream=upstream, **shape)  # type: ignore[arg-type]
                lines = _joined(trees)
                click.echo(_DRAWN[drawn](lines, upstream=upstream), nl=False)
            else:
                tree.print_trees(connection, roots, upstream=upstream, **shape)  # type: ignore[arg-type]
            hidden = _hidden(connection, roots, upstream=upstream, bound=least_confidence)
        else:
            found = lineage.ask(connection, "walk_up" if upstream else "walk_down", wanted)
            rows = found.dicts()
            sure = [row for row in rows if row["confidence"] >= least_confidence]
            hidden = len(rows) - len(sure)
            near = [row for row in sure if depth is None or row["depth"] <= depth]
            shown = [row for row in near if chosen.match(row)] if filtered else near
            _print_rows(found.columns, shown, roots, upstream=upstream, csv=as_csv, json=as_json)
            if len(shown) < len(near):
                click.echo(f"{len(near) - len(shown):,} of {len(near):,} filtered out", err=True)
    if hidden:
        click.echo(
            f"{render.count(hidden, 'version')} below confidence {least_confidence:g} not shown; "
            "--min-confidence 0 shows all",
            err=True,
        )


def _joined(trees: Sequence[Sequence[graphs.Labelled]]) -> list[graphs.Labelled]:
    """Return the lines of several trees as one list, with the places of parents put right."""
    joined: list[graphs.Labelled] = []
    for lines in trees:
        start = len(joined)
        joined += [
            one if one.line.parent is None
            else graphs.Labelled(one.line._replace(parent=one.line.parent + start), one.label)
            for one in lines
        ]  # fmt: skip
    return joined


def _hidden(
    connection: duckdb.DuckDBPyConnection,
    roots: Sequence[Version],
    *,
    upstream: bool,
    bound: float,
) -> int:
    if bound <= 0:
        return 0
    ids = [root.version_id for root in roots]
    query = "hidden_up" if upstream else "hidden_down"
    return int(lineage.ask(connection, query, ids, bound).rows[0][0])


def _print_rows(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    roots: Sequence[Version],
    *,
    upstream: bool,
    csv: bool,
    json: bool,
) -> None:
    if json:
        fields = [{name: getattr(each, name) for name in _ROOT_FIELDS} for each in roots]
        direction = "upstream" if upstream else "downstream"
        render.print_json({"versions": fields, direction: rows})
    elif csv:
        render.print_csv(columns, (list(row.values()) for row in rows))
    else:
        render.print_table(
            ("depth", "version", "digest", "size", "rule", "conf", "via"),
            [
                (
                    row["depth"],
                    tree.named(row["uri"], row["ordinal"]),
                    render.digest(row["digest"]),
                    render.size(row["size_bytes"]),
                    row["rule"],
                    row["confidence"],
                    tree.via(row["via_execution"], row["command"]),
                )
                for row in rows
            ],
            right=(0, 3, 5),
        )
