"""The same history and questions in ml-metadata on SQLite: `python mlmd.py HISTORY ANSWERS`.

Contract: runs in an interpreter of its own, since ml-metadata pins other libraries: Python 3.11
with `ml-metadata==1.17.1`, and nothing of provfs. Files are artifacts, runs executions, reads and
writes events; inserted in large batches. There is no rule about time. Not here: what is compared,
see `benchmarks.log.bench_peers`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 20_000
MOST_HOPS = 100


def main(history_path: str, answers_path: str) -> None:
    """Load the history, ask, and write what came of it."""
    with open(history_path, encoding="utf-8") as file:
        history = json.load(file)
    with tempfile.TemporaryDirectory(prefix="bench-mlmd-") as directory:
        path = os.path.join(directory, "mlmd.sqlite")
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = path
        config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        store = metadata_store.MetadataStore(config)
        began = time.perf_counter()
        artifacts, _ = load(store, history)
        load_s = time.perf_counter() - began
        number = {uri: place for place, uri in enumerate(history["uris"])}
        model, dataset = (artifacts[number[history[name]]] for name in ("model", "dataset"))
        results = {
            "upstream": timed(lambda: lineage(store, model, upstream=True)),
            "downstream": timed(lambda: lineage(store, dataset, upstream=False)),
            "models": timed(
                lambda: [u for u in lineage(store, dataset, upstream=False) if u.endswith(".pt")]
            ),
            "readers": timed(lambda: readers(store, dataset)),
        }
        outcome = {
            "system": "ml-metadata, SQLite",
            "load_s": load_s,
            "size_bytes": os.path.getsize(path),
            "times_s": {name: result[0] for name, result in results.items()},
            "answers": {name: result[1] for name, result in results.items()},
        }
    with open(answers_path, "w", encoding="utf-8") as file:
        json.dump(outcome, file)


def load(store: metadata_store.MetadataStore, history: dict) -> tuple[list[int], list[int]]:
    """Insert everything; return the ids of artifacts and executions."""
    kind = store.put_artifact_type(pb.ArtifactType(name="file"))
    step = store.put_execution_type(pb.ExecutionType(name="run"))
    artifacts: list[int] = []
    for batch in batches(history["uris"]):
        artifacts += store.put_artifacts([pb.Artifact(type_id=kind, uri=uri) for uri in batch])
    executions: list[int] = []
    for batch in batches(history["runs"]):
        executions += store.put_executions(
            [pb.Execution(type_id=step, name=str(run[0])) for run in batch]
        )
    events: list[pb.Event] = []
    for execution, (_, _, reads, writes) in zip(executions, history["runs"], strict=True):
        for way, files in ((pb.Event.INPUT, reads), (pb.Event.OUTPUT, writes)):
            events += [
                pb.Event(
                    artifact_id=artifacts[file],
                    execution_id=execution,
                    type=way,
                    milliseconds_since_epoch=at_ns // 10**6,
                )
                for file, at_ns in files
            ]
        if len(events) >= BATCH:
            store.put_events(events)
            events = []
    if events:
        store.put_events(events)
    return artifacts, executions


def lineage(store: metadata_store.MetadataStore, artifact: int, *, upstream: bool) -> list[str]:
    """Return the uris on one side of an artifact, at any distance up to `MOST_HOPS`."""
    options = pb.LineageSubgraphQueryOptions(
        starting_artifacts=pb.LineageSubgraphQueryOptions.StartingNodes(
            filter_query=f"id = {artifact}"
        ),
        max_num_hops=MOST_HOPS,
        direction=(
            pb.LineageSubgraphQueryOptions.UPSTREAM
            if upstream
            else pb.LineageSubgraphQueryOptions.DOWNSTREAM
        ),
    )
    found = store.get_lineage_subgraph(options)
    return [one.uri for one in found.artifacts if one.id != artifact]


def readers(store: metadata_store.MetadataStore, artifact: int) -> list[str]:
    """Return the names of the executions that read an artifact."""
    events = store.get_events_by_artifact_ids([artifact])
    ids = [event.execution_id for event in events if event.type == pb.Event.INPUT]
    return [execution.name for execution in store.get_executions_by_id(ids)]


def batches(rows: list) -> list[list]:
    """Return the rows in pieces."""
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def timed(question: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Return (median seconds, answer)."""
    times, answer = [], []
    while len(times) < 5 and sum(times) < 2:
        began = time.perf_counter()
        answer = question()
        times.append(time.perf_counter() - began)
    return statistics.median(times), answer


if __name__ == "__main__":
    main(*sys.argv[1:])
