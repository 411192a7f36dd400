"""Lay out the demo's folder: three scripts, their settings, and a real data set.

Contract: the data set is the breast cancer table of the University of Wisconsin that ships inside
scikit-learn; nothing is downloaded. The scripts are ordinary ones that know nothing of provfs.
Not here: running them and showing what was seen, see `provfs.cli.commands.demo`.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from importlib.resources import files
from pathlib import Path

from provfs.errors import ConfigError, ProvfsError

SCRIPTS = ("clean.py", "train.py", "report.py")
PARAMS = {"C": 1.0, "seed": 7, "test_size": 0.25}
RAW = "raw.csv"

_NEEDED = ("pandas", "pyarrow", "sklearn", "joblib")
_ROW = 20
_COLUMN = 0


class Change(tuple[int, str, str]):
    """A changed row: its number in the file, counted from 1, the old and the new first value."""

    __slots__ = ()


def check_needs() -> None:
    """Make sure that the packages which the scripts use are installed.

    Raises:
        ConfigError: One is missing.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"the demo needs packages that are not installed: {', '.join(missing)}"
        raise ConfigError(msg, hint="pip install 'provfs[demo]'")


def lay_out(folder: Path) -> None:
    """Write scripts, settings and raw data into a folder.

    Raises:
        ConfigError: The folder cannot be written, or holds something already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            msg = f"{folder} is not empty"
            raise ConfigError(msg, hint="choose a new directory with --into DIR")
        for name in SCRIPTS:
            text = files("provfs.cli.demo").joinpath(f"{name}.txt").read_text(encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "params.json").write_text(json.dumps(PARAMS) + "\n", encoding="utf-8")
        shutil.copyfile(_data_set(), folder / RAW)
    except OSError as error:
        msg = f"cannot write {error.filename or folder}: {error.strerror or error}"
        raise ConfigError(msg, hint="choose another directory with --into DIR") from error


def change_one_row(folder: Path) -> Change:
    """Change one value of one row of the raw data, as a person with an editor would."""
    path = folder / RAW
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    values = lines[_ROW - 1].split(",")
    old = values[_COLUMN]
    values[_COLUMN] = str(float(old) + 100)
    lines[_ROW - 1] = ",".join(values)
    path.write_text("".join(lines), encoding="utf-8")
    return Change((_ROW, old, values[_COLUMN]))


def _data_set() -> Path:
    spec = importlib.util.find_spec("sklearn")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "datasets" / "data" / "breast_cancer.csv"
        if path.exists():
            return path
    msg = "this scikit-learn does not hold datasets/data/breast_cancer.csv"
    raise ProvfsError(msg, hint="pip install --upgrade 'provfs[demo]'")
