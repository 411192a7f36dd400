"""A recorded story to ask about, and the command line as a function."""

import os
from zlib import crc32

import pytest

from provfs.cli.main import main
from tests import builders


@pytest.fixture
def provfs(capsys, monkeypatch):
    """Return a function that runs a command line here and returns (exit status, stdout, stderr)."""
    monkeypatch.delenv("COLUMNS", raising=False)  # test runners set it, and tables would be cut

    def run(*words):
        capsys.readouterr()
        status = main([os.fspath(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def story(home):
    """Record three programs: raw.csv to clean.csv, that to model.joblib, many parts to all.csv.

    A second round makes version 2 of clean.csv and model.joblib from version 2 of raw.csv;
    report.md stays as it was made from the first model.
    """

    def step(pid, at_ns, reads, writes):
        records = [builders.execution(pid, at_ns)]
        for id_, (name, content) in enumerate(reads):
            state = builders.fingerprint(
                crc32(name.encode()) % 1000, len(content), _made_ns(name, content)
            )
            records.append(
                builders.read(
                    pid, id_, name, at_ns + 10, at_ns + 20, fingerprint=state, content=content
                )
            )
        for id_, (name, content) in enumerate(writes, start=len(reads)):
            records.append(builders.opening(pid, id_, name, at_ns + 30))
            state = builders.fingerprint(
                crc32(name.encode()) % 1000, len(content), _made_ns(name, content)
            )
            records.append(
                builders.write(
                    pid,
                    id_,
                    name,
                    at_ns + 30,
                    at_ns + 40,
                    fingerprint=state,
                    content=content,
                    size_bytes=len(content),
                )
            )
        records.append(builders.exit_(pid, at_ns + 50))
        builders.write_journal(home, pid, records)

    made = {}

    def _made_ns(name, content):
        return made.setdefault((name, content), 1_000 * (len(made) + 1))

    second = 10**9
    step(1, 1 * second, [("raw.csv", "r1")], [("clean.csv", "c1")])
    step(2, 2 * second, [("clean.csv", "c1"), ("params.json", "p")], [("model.joblib", "m1")])
    step(3, 3 * second, [("model.joblib", "m1")], [("report.md", "t1")])
    step(4, 4 * second, [("raw.csv", "r2")], [("clean.csv", "c2")])
    step(5, 5 * second, [("clean.csv", "c2"), ("params.json", "p")], [("model.joblib", "m2")])
    parts = [(f"parts/{number}.csv", f"part {number}") for number in range(12)]
    step(6, 6 * second, [], parts)
    step(7, 7 * second, parts, [("all.csv", "all"), ("other/model.joblib", "m3")])
    return home
