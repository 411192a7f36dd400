"""What is compared between two versions, and where contents come from."""

import json

import pytest

from provfs.config import Settings
from provfs.digest import digest_of_bytes, fingerprint_of
from provfs.ingest import ingest
from provfs.journal.record import Access, Execution
from provfs.log import store
from provfs.model import uri_of_path
from provfs.queries.comparison import compare
from provfs.queries.lineage import find_version
from tests import builders


@pytest.fixture
def trained(home, work):
    """Return a function that records a training with its parameters, and ingests it."""

    def record(pid, at_ns, reads, writes, code="train.py"):
        begin = Execution(
            execution=builders.execution_name(pid), program=builders.execution_name(pid),
            host=builders.HOST, pid=pid, started_ns=at_ns, command=("python", code), cwd="/work",
            code_uri=f"file:///work/{code}", code_digest=builders.digest_of(f"{code} {pid}"),
        )  # fmt: skip
        accesses = [
            _access(pid, id_, path, mode, at_ns + id_)
            for id_, (path, mode) in enumerate(
                [*((path, "read") for path in reads), *((path, "write") for path in writes)],
                start=1,
            )
        ]
        builders.write_journal(home, pid, [begin, *accesses])
        ingest(Settings(home=home))

    return record


def _access(pid, id_, path, mode, at_ns):
    return Access(
        execution=builders.execution_name(pid), id=id_, uri=uri_of_path(str(path)), mode=mode,
        opened_ns=at_ns, closed_ns=at_ns + 1, size_bytes=path.stat().st_size,
        fingerprint=str(fingerprint_of(path.stat())),
        digest=str(digest_of_bytes(path.read_bytes())),
        thread=1, channel="open",
    )  # fmt: skip


def _compared(home, a, b):
    with store.reader(home / "lineage.duckdb") as connection:
        return compare(connection, find_version(connection, a), find_version(connection, b))


def test_settings_and_metrics_stand_side_by_side(trained, home, work):
    """Values of small JSON files that still lie there are compared; equal ones are not listed."""
    for name, accuracy in (("a", 0.9), ("b", 0.95)):
        (work / f"model_{name}.joblib").write_text(name)
        (work / f"metrics_{name}.json").write_text(json.dumps({"accuracy": accuracy, "n": 5}))
    params = work / "params.json"
    params.write_text(json.dumps({"optimizer": {"rate": 0.1}}))
    trained(1, 100, [params], [work / "model_a.joblib", work / "metrics_a.json"])
    (work / "kept.json").write_text(params.read_text())
    trained(3, 200, [work / "kept.json"], [])
    params.unlink()
    params.write_text(json.dumps({"optimizer": {"rate": 0.2}}))
    trained(2, 300, [params], [work / "model_b.joblib", work / "metrics_b.json"])

    result = _compared(home, "model_a.joblib", "model_b.joblib")

    assert [(d.name, d.a, d.b) for d in result.metrics] == [("accuracy", 0.9, 0.95)]
    assert [(d.name, d.a, d.b) for d in result.settings] == [("optimizer.rate", 0.1, 0.2)]


def test_code_is_compared_by_digest(trained, home, work):
    """A script that changed between two versions is named with both digests."""
    (work / "data.csv").write_text("d")
    (work / "model_a.joblib").write_text("a")
    (work / "model_b.joblib").write_text("b")
    trained(1, 100, [work / "data.csv"], [work / "model_a.joblib"])
    trained(2, 200, [work / "data.csv"], [work / "model_b.joblib"])

    result = _compared(home, "model_a.joblib", "model_b.joblib")

    (script,) = result.code
    assert script.name == "file:///work/train.py"
    assert script.a != script.b
    assert (result.inputs, result.same_inputs) == ([], 1)


def test_content_that_was_replaced_is_not_invented(trained, home, work):
    """Metrics whose file was written over are absent on that side."""
    for pid, accuracy in ((1, 0.9), (2, 0.95)):
        (work / "model.joblib").write_text(str(pid))
        (work / "metrics.json").write_text(json.dumps({"accuracy": accuracy}))
        trained(pid, pid * 100, [], [work / "model.joblib", work / "metrics.json"])

    result = _compared(home, "model.joblib@1", "model.joblib@2")

    assert [(d.name, d.a, d.b) for d in result.metrics] == [("accuracy", None, 0.95)]
