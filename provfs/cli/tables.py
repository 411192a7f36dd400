"""Answers that are tables: one description of columns for people, all columns for programs.

Contract: JSON and CSV have every column of the answer under its name in the log; the table has what
people read first, in their forms. Not here: how a value looks, see `provfs.cli.render`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from provfs.cli import render
from provfs.cli.options import json_option
from provfs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provfs.log.store import Rows

    F = TypeVar("F", bound="Callable[..., Any]")


class Column(NamedTuple):
    """A column for people: its head, how a row fills it, and whether it stands right."""

    head: str
    fill: Callable[[Mapping[str, Any]], object]
    right: bool = False


def form_options(function: F) -> F:
    """Add `--csv` and `--json`."""
    decorated = json_option(function)
    return click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a head line.")(
        decorated
    )


def print_answer(
    answer: Rows, columns: Sequence[Column], *, as_csv: bool, as_json: bool, cut: int = -1
) -> None:
    """Print the rows of an answer in the form that was asked for.

    Raises:
        ConfigError: Two forms were asked for.
    """
    check_forms(as_csv=as_csv, as_json=as_json)
    if as_json:
        render.print_json(answer.dicts())
    elif as_csv:
        render.print_csv(answer.columns, answer.rows)
    else:
        render.print_table(
            [column.head for column in columns],
            [[column.fill(row) for column in columns] for row in answer.dicts()],
            right=[place for place, column in enumerate(columns) if column.right],
            cut=cut,
        )


def check_forms(*, as_csv: bool, as_json: bool) -> None:
    """Refuse two forms at once.

    Raises:
        ConfigError: Two forms were asked for.
    """
    if as_csv and as_json:
        msg = "--csv and --json exclude each other"
        raise ConfigError(msg)
