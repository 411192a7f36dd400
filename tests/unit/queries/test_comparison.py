"""What is compared between two versions, and where contents come from."""

import json

import pytest

from provfs.config import Settings
from provfs.digest import digest_of_bytes, fingerprint_of
from provfs.errors import UnknownArtifactError
from provfs.ingest import ingest
from provfs.journal.record import Access, Execution
from provfs.log import store
from provfs.model import uri_of_path
from provfs.queries.comparison import compare, compare_executions
from provfs.queries.lineage import find_version
from tests import builders


@pytest.fixture
def trained(home, work):
    """Return a function that records a training with its parameters, and ingests it."""

    def record(pid, at_ns, reads, writes, code="train.py", **more):
        begin = Execution(
            execution=builders.execution_name(pid), program=builders.execution_name(pid),
            host=builders.HOST, pid=pid, started_ns=at_ns, command=("python", code), cwd="/work",
            code_uri=f"file:///work/{code}", code_digest=builders.digest_of(f"{code} {pid}"),
            **more,
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


def test_executions_are_compared_by_what_their_programs_did(trained, home, work):
    """Inputs and outputs by content, settings, script, environment; what one lacks is absent."""
    data, params = work / "data.csv", work / "params.json"
    for pid, rate in ((1, 0.1), (2, 0.2)):
        data.write_text("d")
        params.write_text(json.dumps({"rate": rate, "kept": 1}))
        (work / f"model_{pid}.joblib").write_text(str(rate))
        (work / "same.csv").write_text("s")
        environment = (f"OMP_NUM_THREADS={pid}", "LANG=C", *(["TEAM=x"] if pid == 1 else []))
        outputs = [work / f"model_{pid}.joblib", work / "same.csv"]
        trained(pid, pid * 100, [data, params], outputs, environment=environment)

    with store.reader(home / "lineage.duckdb") as connection:
        result = compare_executions(connection, 1, 2)
        with pytest.raises(UnknownArtifactError, match="#9"):
            compare_executions(connection, 1, 9)

    assert [d.name.rpartition("/")[2] for d in result.inputs] == ["params.json"]
    assert result.same_inputs == 1
    assert [d.name.rpartition("/")[2] for d in result.outputs] == [
        "model_1.joblib",
        "model_2.joblib",
    ]
    assert result.same_outputs == 1
    assert [d.name for d in result.code] == ["file:///work/train.py"]
    assert [(d.name, d.a, d.b) for d in result.environment] == [
        ("OMP_NUM_THREADS", "1", "2"),
        ("TEAM", "x", None),
    ]
    assert result.execution == []
    assert [(d.name, d.a, d.b) for d in result.settings] == [
        ("rate", None, 0.2),
        ("kept", None, 1),
    ]


def test_packages_are_compared_one_by_one(trained, home, work):
    """A version that is another one, and a package that only one had; equal ones are counted."""
    for pid in (1, 2):
        (work / f"model_{pid}.joblib").write_text(str(pid))
        trained(pid, pid * 100, [], [work / f"model_{pid}.joblib"], packages=f"p{pid}")
    with store.writer(home / "lineage.duckdb") as connection:
        connection.execute(
            "INSERT INTO store.packages VALUES ('p1', ['a==1', 'b==1']),"
            " ('p2', ['a==1', 'b==2', 'c==1'])"
        )

    result = _compared(home, "model_1.joblib", "model_2.joblib")

    assert [(d.name, d.a, d.b) for d in result.packages] == [("b", "1", "2"), ("c", None, "1")]
    assert result.same_packages == 1
