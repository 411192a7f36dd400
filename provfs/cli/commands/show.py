"""`provfs show`: everything that is known of one version or one execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, json_option, settings
from provfs.errors import UnknownArtifactError
from provfs.queries import lineage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

_LONGEST_COMMAND = 80
MOST_ROWS = 20
"""Rows of a list that people see; JSON has all."""


@click.command()
@click.argument("name")
@home_option
@json_option
def command(name: str, *, as_json: bool) -> None:
    """Show everything that is known of NAME: a version, or an execution written as '#12'.

    A version comes with the code that wrote it, its inputs, readers and copies; an execution with
    its code, its resources, and what it read and wrote.

    \b
    Example:
      provfs show model.joblib@1
      provfs show '#12'
    """
    with fresh_log(settings()) as connection:
        number = name.removeprefix("#")
        if name.startswith("#") and number.isdigit():
            facts = _execution(connection, int(number))
            printer = _print_execution
        else:
            facts = _version(connection, artifact_name(name))
            printer = _print_version
    if as_json:
        render.print_json(facts)
    else:
        printer(facts)


def _version(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    version = lineage.find_version(connection, name)
    writer = lineage.ask(connection, "execution", version.execution_id).dicts()
    return {
        "version": version._asdict(),
        "execution": writer[0] if writer else None,
        **{
            name: lineage.ask(connection, name, version.version_id).dicts()
            for name in ("inputs", "outputs", "readers", "copies")
        },
    }


def _execution(connection: duckdb.DuckDBPyConnection, execution_id: int) -> dict[str, Any]:
    found = lineage.ask(connection, "execution", execution_id).dicts()
    if not found:
        msg = f"unknown execution: #{execution_id}"
        raise UnknownArtifactError(
            msg,
            hint='list them: provfs sql "SELECT execution_id, started_at, command FROM executions"',
        )
    accesses = lineage.ask(connection, "execution_accesses", execution_id).dicts()
    return {
        "execution": found[0],
        "reads": [row for row in accesses if row["mode"] == "read"],
        "writes": [row for row in accesses if row["mode"] == "write"],
        "children": lineage.ask(connection, "children", execution_id).dicts(),
        "tree": lineage.ask(connection, "tree_cost", execution_id).dicts()[0],
    }


def _print_version(facts: Mapping[str, Any]) -> None:
    version = facts["version"]
    click.secho(f"{render.place(version['uri'])}@{version['ordinal']}", bold=True)
    render.print_fields(
        {
            "uri": version["uri"],
            "kind": version["kind"],
            "digest": version["digest"] or "not known",
            "size": render.size(version["size_bytes"]),
            "origin": version["origin"],
            "created": version["created_at"],
            "ended": version["ended_at"] or "current",
            "complete": None if version["complete"] else "no: the writer did not close it in order",
        }
    )
    if facts["execution"] is not None:
        click.secho("\nwritten by", bold=True)
        render.print_fields(_code(facts["execution"]))
    _print_versions("made from", facts["inputs"])
    _print_versions("used for", facts["outputs"])
    if facts["readers"]:
        click.secho("\nread by", bold=True)
        rows = [
            (
                tree.via(row["execution_id"], row["command"]),
                row["user_name"],
                row["opened_at"],
                row["opens"],
            )
            for row in facts["readers"]
        ]
        _print_some(("execution", "user", "first opened", "opens"), rows, right=(3,), cut=0)
    if facts["copies"]:
        click.secho("\nsame content", bold=True)
        for row in facts["copies"][:MOST_ROWS]:
            past = "" if row["ended_at"] is None else "  (past)"
            click.echo(f"{tree.named(row['uri'], row['ordinal'])}{past}")


def _print_execution(facts: Mapping[str, Any]) -> None:
    run = facts["execution"]
    shown = render.shortened(render.command(run["command"]), _LONGEST_COMMAND)
    click.secho(f"#{run['execution_id']} {shown}", bold=True)
    cpu = None if run["cpu_s"] is None else f"{run['cpu_s']:.2f} s"
    render.print_fields(
        {
            **_code(run),
            "started": run["started_at"],
            "ended": run["ended_at"] or "not seen",
            "exit": run["exit_code"],
            "cpu": cpu,
            "memory": None if run["max_rss_bytes"] is None else render.size(run["max_rss_bytes"]),
            "process": f"{run['pid']} on {run['host']}",
            "parent": None if run["parent_id"] is None else f"#{run['parent_id']}",
            "program": None
            if run["program_id"] == run["execution_id"]
            else f"#{run['program_id']}",
            "job": run["job_key"] and f"{run['job_system']} {run['job_key']}, rank {run['rank']}",
            "container": run["container"] and run["container"][:12],
            "in all": _sum(facts["tree"]) if facts["children"] else None,
            "lost": render.count(run["lost_records"], "record") if run["lost_records"] else None,
        }
    )
    for head in ("reads", "writes"):
        rows = [
            (
                tree.named(row["uri"], row["ordinal"]),
                render.digest(row["digest"]),
                render.size(row["bytes"]),
                row["opens"],
            )
            for row in facts[head]
        ]
        if rows:
            click.secho(f"\n{head}", bold=True)
            _print_some(("version", "digest", "bytes", "opens"), rows, right=(2, 3), cut=0)
    if facts["children"]:
        click.secho("\nstarted", bold=True)
        for row in facts["children"][:MOST_ROWS]:
            click.echo(tree.via(row["execution_id"], row["command"]))


def _sum(cost: Mapping[str, Any]) -> str:
    """Return what an execution and all that it started have taken, in one line."""
    parts = [render.count(cost["executions"], "execution")]
    if cost["cpu_s"] is not None:
        parts.append(f"{cost['cpu_s']:.2f} s of cpu")
    if cost["max_rss_bytes"] is not None:
        parts.append(f"{render.size(cost['max_rss_bytes'])} at most in one")
    if cost["read_bytes"] is not None:
        parts.append(f"{render.size(cost['read_bytes'])} read")
        parts.append(f"{render.size(cost['written_bytes'])} written")
    return ", ".join(parts)


def _code(run: Mapping[str, Any]) -> dict[str, object]:
    commit = run["git_commit"]
    if commit and run["git_dirty"]:
        commit += " with local changes"
    return {
        "execution": f"#{run['execution_id']}",
        "command": cell_command(run["command"]),
        "directory": run["cwd"],
        "user": _user(run),
        "script": run["code_uri"] and render.place(run["code_uri"]),
        "code digest": run["code_digest"],
        "git commit": commit,
    }


def _user(run: Mapping[str, Any]) -> str | None:
    login = run.get("login_user")
    return f"{run['user_name']}, logged in as {login}" if login else run["user_name"]


def cell_command(words: Sequence[str] | None) -> str:
    """Return a command line in full."""
    return " ".join(words) if words else "not known"


def _print_versions(head: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    click.secho(f"\n{head}", bold=True)
    _print_some(
        ("version", "digest", "rule", "conf", "via"),
        [
            (
                tree.named(row["uri"], row["ordinal"]),
                render.digest(row["digest"]),
                row["rule"],
                row["confidence"],
                f"#{row['execution_id']}" if row["execution_id"] is not None else "-",
            )
            for row in rows
        ],
        right=(3,),
        cut=0,
    )


def _print_some(
    heads: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int], cut: int
) -> None:
    render.print_table(heads, rows[:MOST_ROWS], right=right, cut=cut)
    if len(rows) > MOST_ROWS:
        click.echo(f"and {len(rows) - MOST_ROWS:,} more; --json has all", err=True)
