"""`provfs demo`: run a small training pipeline twice and ask what happened."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provfs import config
from provfs.cli import group
from provfs.cli.demo import pipeline
from provfs.errors import ProvfsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = (
    config.HOME_VARIABLE, config.SETTINGS_VARIABLE, config.RUN_VARIABLE, config.EXECUTION_VARIABLE,
    config.PROGRAM_VARIABLE, config.DISABLED_VARIABLE,
)  # fmt: skip


@click.command()
@click.option("--into", metavar="DIR", help="Use this new or empty directory and keep it.")
def command(into: str | None) -> None:
    """Run an ordinary three-step training pipeline under capture and ask which data made the model.

    Uses a real data set that ships inside scikit-learn; downloads nothing; takes less than a
    minute. The folder is kept, with scripts, data and lineage log, so that you can go on asking.

    \b
    Example:
      provfs demo --into my-demo
    """
    pipeline.check_needs()
    folder = Path(into or tempfile.mkdtemp(prefix="provfs-demo-")).resolve()
    pipeline.lay_out(folder)
    with _inside(folder):
        _say(f"A training pipeline in {folder}:")
        click.echo("clean.py   raw.csv → clean.parquet")
        click.echo("train.py   clean.parquet + params.json → model.joblib + metrics.json")
        click.echo("report.py  model.joblib + metrics.json → report.md")
        click.echo("Ordinary scripts: none of them mentions provfs.")
        _first_round()
        _second_round(folder)
    _say("Try next:")
    for line in _next_steps(folder):
        click.echo(line)


def _next_steps(folder: Path) -> list[str]:
    """Return commands that work when they are pasted into this terminal."""
    binaries = os.path.dirname(sys.executable)
    script = os.path.join(binaries, "provfs")
    steps = [f"cd {shlex.quote(str(folder))}"]
    if os.environ.get(config.HOME_VARIABLE):
        steps.append(f"unset {config.HOME_VARIABLE}")
    if not os.path.exists(script):
        steps.append(f"alias provfs={shlex.quote(f'{sys.executable} -m provfs')}")
    if not _same_file(shutil.which("python"), os.path.join(binaries, "python")) or (
        os.path.exists(script) and not _same_file(shutil.which("provfs"), script)
    ):
        steps.append(f"export PATH={shlex.quote(binaries)}:$PATH")
    return [
        *steps,
        "provfs show model.joblib              # code, settings, data, copies",
        "provfs downstream raw.csv@1           # what the old data went into",
        "provfs run -- python report.py        # make the report current again, then:",
        'provfs sql "SELECT * FROM stale()"',
    ]


def _same_file(path: str | None, other: str) -> bool:
    """Say whether two paths are one name; a link to the same interpreter is another environment."""
    return path is not None and os.path.abspath(path) == os.path.abspath(other)


def _first_round() -> None:
    _say("Run it, with two words before each command:")
    for script in pipeline.SCRIPTS:
        _run(script)
    _say("Which version of which data made this model, and by which code?")
    _provfs("upstream", "model.joblib")
    _say("The same answer in SQL, also in plain DuckDB on the log file:")
    _sql("lineage")


def _second_round(folder: Path) -> None:
    row, old, new = pipeline.change_one_row(folder)
    _say(f"Now one row of the raw data changes: line {row}, mean radius {old} → {new}.")
    click.echo("Clean and train again; the report is forgotten.\n")
    for script in pipeline.SCRIPTS[:2]:
        _run(script)
    _say("Two versions of each:")
    for name in ("raw.csv", "clean.parquet", "model.joblib"):
        _provfs("history", name)
    _say("What differs between the two models, and what made the difference?")
    _provfs("diff", "model.joblib@1", "model.joblib@2")
    _say("Which output is stale?")
    _sql("stale")


def _say(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def _run(script: str) -> None:
    _prompt(f"provfs run -- python {script}")
    finished = subprocess.run(
        [sys.executable, "-m", "provfs", "run", "--", sys.executable, script], check=False
    )
    if finished.returncode != 0:
        msg = f"{script} ended with exit status {finished.returncode}"
        raise ProvfsError(msg, hint=f"look at its message above; the folder is kept: {os.getcwd()}")


def _provfs(*words: str) -> None:
    _prompt("provfs " + " ".join(words))
    group.invoke(words)


def _sql(name: str) -> None:
    text = files("provfs.cli.demo").joinpath(f"{name}.sql").read_text(encoding="utf-8").strip()
    _prompt(f'provfs sql "{text}"')
    group.invoke(["sql", text])


def _prompt(line: str) -> None:
    click.secho(f"$ {line}", fg="green")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in the folder with a home of its own, whatever the environment says; then go back."""
    before = os.getcwd()
    kept = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    config.prepare_home(config.Settings(home=folder / config.HOME_NAME))
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.update(kept)
