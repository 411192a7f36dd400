"""`provfs reproducible`: whether a version can be made again from what is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provfs.cli import render, tree
from provfs.cli.asking import fresh_log
from provfs.cli.options import artifact_name, home_option, settings
from provfs.cli.tables import Column, check_forms, form_options
from provfs.queries import lineage, presence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_EXIT_CODE = 1
"""The answer is no."""

_STATES = {
    "present": "here",
    "unchecked": "here by the log, not looked at",
    "changed": "changed unseen",
    "missing": "missing",
    "remake": "gone, can be made again",
    "lost": "lost",
}
MOST_ALIKE = 5
"""More files of one directory in the same state are one line for people."""

_COLUMNS = (
    Column("input", lambda row: _name(row)),  # noqa: PLW0108 - it stands further down
    Column("digest", lambda row: render.digest(row["digest"])),
    Column("state", lambda row: _STATES[row["verdict"]]),
    Column("where", lambda row: row["place"] and render.place(row["place"])),
)


@click.command()
@click.argument("name")
@home_option
@form_options
def command(name: str, *, as_csv: bool, as_json: bool) -> int:
    """Say whether NAME can be made again: are its inputs, with their contents, and its code there?

    What is needed is what the steps to NAME read, back to contents that still lie at their place or
    elsewhere as a copy. Local files are looked at: those that changed since the log saw them are
    hashed. Code counts where the script still has its digest or the repository has the commit. Runs
    nothing. Ends with 0 for yes and 1 for no.

    \b
    Example:
      provfs reproducible model.joblib@1
    """
    check_forms(as_csv=as_csv, as_json=as_json)
    with fresh_log(settings()) as connection:
        rows = lineage.ask(connection, "reproducible", artifact_name(name)).dicts()
    target = next(row for row in rows if row["depth"] == 0)
    needed = [row for row in rows if row["needed"] and row["depth"] > 0]
    for row in needed:
        row["verdict"] = _verdict(row)
    steps = _steps([target, *(row for row in needed if row["verdict"] == "remake")])
    reasons = _reasons(target, needed, steps)
    if as_json:
        render.print_json(
            {
                "version": target, "reproducible": not reasons, "reasons": reasons,
                "inputs": needed, "steps": steps,
            }
        )  # fmt: skip
    elif as_csv:
        heads = list(needed[0]) if needed else list(target)
        render.print_csv(heads, ([row[head] for head in heads] for row in needed))
    else:
        _print(target, needed, steps, reasons)
    return NO_EXIT_CODE if reasons else 0


def _verdict(row: Mapping[str, Any]) -> str:
    """Return what is the case with one needed input, on the disk where it can be looked at."""
    if row["state"] in {"remake", "lost"}:
        return str(row["state"])
    fingerprint = row["fingerprint"] if row["place"] == row["uri"] else None
    return presence.look(row["place"], row["digest"], fingerprint)


def _name(row: Mapping[str, Any]) -> str:
    if "files" in row:
        return f"{render.directory(row['uri'])} ({render.count(row['files'], 'file')})"
    return tree.named(row["uri"], row["ordinal"])


def _folded(needed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows with one for many files of a directory that are in the same state."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in needed:
        directory = row["uri"].rpartition("/")[0] + "/"
        groups.setdefault((directory, row["verdict"]), []).append(row)
    shown: list[Mapping[str, Any]] = []
    for (directory, verdict), rows in groups.items():
        if len(rows) > MOST_ALIKE:
            folded = {"uri": directory, "files": len(rows), "verdict": verdict}
            shown.append({**folded, "digest": None, "place": None})
        else:
            shown += rows
    return shown


def _steps(made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the executions that would run again, oldest first, and where their code is."""
    steps = {}
    for row in made:
        if row["made_by"] is not None:
            steps[row["made_by"]] = {
                "execution_id": row["made_by"],
                **{name: row[name] for name in ("command", "cwd", "code_uri", "code_digest")},
                **{name: row[name] for name in ("git_commit", "git_dirty", "packages_digest")},
                "code": _code(row),
            }
    return [steps[number] for number in sorted(steps)]


def _code(row: Mapping[str, Any]) -> str:
    if row["code_uri"] is not None:
        found = presence.look(row["code_uri"], row["code_digest"])
        if found == presence.PRESENT:
            return "here"
        if not row["git_dirty"] and presence.has_commit(row["cwd"], row["git_commit"]):
            return f"in git {row['git_commit'][:10]}"
        return found
    return "none recorded"


def _reasons(
    target: Mapping[str, Any],
    needed: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Return why it cannot be made again; empty where it can, as far as is known."""
    if target["made_by"] is None:
        return ["nobody was seen writing it"]
    reasons = [
        f"{_name(row)}: {_STATES[row['verdict']]}"
        for row in _folded(needed)
        if row["verdict"] in {"changed", "missing", "lost"}
    ]
    return reasons + [
        f"the code of #{step['execution_id']}, {render.place(step['code_uri'])}: {step['code']}"
        for step in steps
        if step["code"] in {presence.CHANGED, presence.MISSING}
    ]


def _print(
    target: Mapping[str, Any],
    needed: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, Any]],
    reasons: Sequence[str],
) -> None:
    named = tree.named(target["uri"], target["ordinal"])
    verb = "cannot be made again" if reasons else "can be made again, as far as the log knows"
    click.secho(f"{named} {verb}", bold=True)
    for reason in reasons:
        click.echo(f"  {reason}")
    if needed:
        click.echo()
        render.print_table(
            [column.head for column in _COLUMNS],
            [[column.fill(row) for column in _COLUMNS] for row in _folded(needed)],
        )
    if steps:
        click.echo()
        render.print_table(
            ("step", "code", "where the code is"),
            [
                (
                    tree.via(step["execution_id"], step["command"]),
                    step["code_uri"] and render.place(step["code_uri"]),
                    step["code"],
                )
                for step in steps
            ],
        )
    if not needed and target["made_by"] is not None:
        click.echo("no input of it was seen", err=True)
