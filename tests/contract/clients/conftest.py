"""Real libraries on wrapped filesystems, and the edges that their programs leave in the log.

These need the dependency group `clients`. `make test-clients` installs it and sets
`PROVFS_CLIENTS=required`, so that a package that is missing fails its test; elsewhere it is
skipped. The marker `clients` selects or leaves out the folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from provfs.config import Settings
from provfs.ingest import ingest

REQUIRED = os.environ.get("PROVFS_CLIENTS") == "required"
collect_ignore = (
    [] if REQUIRED or importlib.util.find_spec("zarr") is not None else ["test_zarr_store.py"]
)


def pytest_collection_modifyitems(items):
    """Mark everything in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)


@dataclass
class Lineage:
    """What the log says about the working directory of one program, by names in it.

    `reads` and `writes` count accesses by name; `edges` are pairs of names; `wrong` names the files
    whose last digest is not that of the bytes on disk.
    """

    reads: dict[str, int]
    writes: dict[str, int]
    edges: set[tuple[str, str]]
    artifacts: list[str]
    wrong: list[str]
    lost: int


PREPARE = """
import json, os
import fsspec, provfs
local = provfs.wrap(fsspec.filesystem("file"))
memory = provfs.wrap(fsspec.filesystem("memory"))
options = json.loads(os.environ.get("S3_OPTIONS", "{}"))
if __name__ == "__main__":
"""


@pytest.fixture
def needs():
    """Return a function that skips the test where a package is missing, or fails it."""

    def check(*packages):
        missing = [name for name in packages if importlib.util.find_spec(name) is None]
        if missing and REQUIRED:
            pytest.fail(f"not installed: {', '.join(missing)}; see the group `clients`")
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")

    return check


@pytest.fixture
def client(tmp_path):
    """Return a function that runs a program with wrapped filesystems and returns its lineage.

    `capture` starts it under `provfs run` as well; then nothing may be there twice either.
    """
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()

    def run(program, capture=False, **variables):
        script = work / "job.py"
        script.write_text(PREPARE + textwrap.indent(textwrap.dedent(program), "    "))
        command = [sys.executable, "-W", "ignore", str(script)]
        if capture:
            command = [sys.executable, "-m", "provfs", "run", "--", *command]
        done = subprocess.run(
            command,
            cwd=work,
            env={**os.environ, "PROVFS_HOME": str(home), "OMP_NUM_THREADS": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        ingest(Settings(home=home))
        return lineage(home / "lineage.duckdb", work)

    return run


def lineage(log, work):
    """Read the public views."""
    from provfs.digest import digest_of_bytes

    def short(uri):
        return uri.removeprefix(f"file://{work}/")

    with duckdb.connect(str(log), read_only=True) as connection:
        accesses = connection.execute(
            "SELECT uri, mode, sum(opens)::BIGINT FROM accesses GROUP BY ALL"
        ).fetchall()
        edges = connection.execute("SELECT input_uri, output_uri FROM edges").fetchall()
        versions = connection.execute(
            "SELECT uri, digest FROM versions ORDER BY created_at, version_id"
        ).fetchall()
        artifacts = connection.execute("SELECT uri FROM artifacts").fetchall()
        (lost,) = connection.execute(
            "SELECT coalesce(sum(lost_records), 0)::BIGINT FROM executions"
        ).fetchone()
    wrong = []
    for uri, digest in dict(versions).items():
        path = work / short(uri)
        if digest and path.is_file() and digest != str(digest_of_bytes(path.read_bytes())):
            wrong.append(short(uri))
    return Lineage(
        reads={short(uri): n for uri, mode, n in accesses if mode == "read"},
        writes={short(uri): n for uri, mode, n in accesses if mode == "write"},
        edges={(short(a), short(b)) for a, b in edges},
        artifacts=[short(uri) for (uri,) in artifacts],
        wrong=wrong,
        lost=lost,
    )


@pytest.fixture
def described():
    """Return a function that shows a lineage in a message."""
    return lambda found: json.dumps(
        {"reads": found.reads, "writes": found.writes, "edges": sorted(found.edges)}, indent=1
    )
