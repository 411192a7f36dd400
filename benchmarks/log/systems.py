"""The same history and the same questions in provfs, SQLite and networkx.

Contract: each function takes a history and returns an `Outcome` with the answers as sets, so that
they can be compared. All answers are full sets of names, not counts. Not here: ml-metadata, which
needs an interpreter of its own, see `benchmarks/log/mlmd.py`.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.log import store

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.log.history import History

QUESTIONS = ("upstream", "downstream", "models", "readers")
REPEATS = 5


class Outcome(NamedTuple):
    """What a system did.

    Attributes:
        system: Its name.
        load_s: From the history to where it can be asked.
        size_bytes: On disk, or in memory for one that keeps nothing on disk.
        times_s: Median of the time of each question.
        answers: What was answered: names of files, or numbers of runs.
    """

    system: str
    load_s: float
    size_bytes: int
    times_s: dict[str, float]
    answers: dict[str, set[str]]


def timed(question: Callable[[], set[str]]) -> tuple[float, set[str]]:
    """Return (median seconds, answer); what takes seconds is asked once."""
    times: list[float] = []
    answer: set[str] = set()
    while len(times) < REPEATS and sum(times) < 2:
        began = time.perf_counter()
        answer = question()
        times.append(time.perf_counter() - began)
    return statistics.median(times), answer


def _outcome(
    system: str, load_s: float, size: int, questions: dict[str, Callable[[], set[str]]]
) -> Outcome:
    results = {name: timed(question) for name, question in questions.items()}
    return Outcome(
        system, load_s, size,
        {name: result[0] for name, result in results.items()},
        {name: result[1] for name, result in results.items()},
    )  # fmt: skip


def provfs(history: History) -> Outcome:
    """From journals, with everything that ingest and inference do; asked in SQL."""
    home = Path(tempfile.mkdtemp(prefix="bench-peers-"))
    try:
        settings = Settings(home=home)
        prepare_home(settings)
        history.write_journals(settings.journal_directory)
        report = ingest(settings)
        with store.reader(settings.log_path) as connection:

            def ask(statement: str, name: str) -> Callable[[], set[str]]:
                return lambda: {
                    str(row[0]) for row in store.fetch(connection, statement, [name]).rows
                }

            return _outcome(
                "provfs", report.elapsed_s, settings.log_path.stat().st_size,
                {
                    "upstream": ask("SELECT uri FROM upstream(?)", history.model),
                    "downstream": ask("SELECT uri FROM downstream(?)", history.dataset),
                    "models": ask("SELECT uri FROM impact(?)", history.dataset),
                    "readers": ask("SELECT pid FROM readers(?)", history.dataset),
                },
            )  # fmt: skip
    finally:
        shutil.rmtree(home)


_SQLITE = """
CREATE TABLE files (id INTEGER PRIMARY KEY, uri TEXT);
CREATE TABLE reads (run INTEGER, file INTEGER, at INTEGER);
CREATE TABLE writes (run INTEGER, file INTEGER, at INTEGER);
"""
_INDEXES = """
CREATE INDEX files_uri ON files (uri);
CREATE INDEX reads_run ON reads (run, at, file);
CREATE INDEX reads_file ON reads (file, run, at);
CREATE INDEX writes_run ON writes (run, at, file);
CREATE INDEX writes_file ON writes (file, run, at);
"""
_UP = """
WITH RECURSIVE walk(file) AS (
    SELECT id FROM files WHERE uri = ?1
    UNION
    SELECT r.file FROM walk f
    JOIN writes w ON w.file = f.file JOIN reads r ON r.run = w.run AND r.at < w.at
)
SELECT uri FROM walk JOIN files ON id = file WHERE uri <> ?1"""
_DOWN = """
WITH RECURSIVE walk(file) AS (
    SELECT id FROM files WHERE uri = ?1
    UNION
    SELECT w.file FROM walk f
    JOIN reads r ON r.file = f.file JOIN writes w ON w.run = r.run AND w.at > r.at
)
SELECT uri FROM walk JOIN files ON id = file WHERE uri <> ?1"""


def sqlite(history: History) -> Outcome:
    """Two tables, four covering indexes, recursive CTEs with the rule about time."""
    directory = Path(tempfile.mkdtemp(prefix="bench-peers-"))
    try:
        path = directory / "peers.sqlite"
        began = time.perf_counter()
        with sqlite3.connect(path) as connection:
            connection.executescript(_SQLITE)
            connection.executemany("INSERT INTO files VALUES (?, ?)", enumerate(history.uris))
            for table in ("reads", "writes"):
                connection.executemany(
                    f"INSERT INTO {table} VALUES (?, ?, ?)",  # noqa: S608 - one of two names
                    (
                        (run.number, file, at_ns)
                        for run in history.runs
                        for file, at_ns in getattr(run, table)
                    ),
                )
            connection.executescript(_INDEXES)
            connection.commit()
        load_s = time.perf_counter() - began
        connection = sqlite3.connect(path)

        def ask(statement: str, name: str) -> Callable[[], set[str]]:
            return lambda: {str(row[0]) for row in connection.execute(statement, [name])}

        try:
            return _outcome(
                "SQLite, recursive CTE", load_s, path.stat().st_size,
                {
                    "upstream": ask(_UP, history.model),
                    "downstream": ask(_DOWN, history.dataset),
                    "models": ask(f"{_DOWN} AND uri LIKE '%.pt'", history.dataset),
                    "readers": ask(
                        "SELECT run FROM reads JOIN files ON id = file WHERE uri = ?",
                        history.dataset,
                    ),
                },
            )  # fmt: skip
        finally:
            connection.close()
    finally:
        shutil.rmtree(directory)


def in_memory(history: History) -> Outcome:
    """A graph of files and runs in networkx, which has no rule about time."""
    import networkx as nx  # noqa: PLC0415 - only where it is asked for

    before_bytes = _resident_bytes()
    began = time.perf_counter()
    graph = nx.DiGraph()
    for run in history.runs:
        graph.add_edges_from((history.uris[file], run.number) for file, _ in run.reads)
        graph.add_edges_from((run.number, history.uris[file]) for file, _ in run.writes)
    load_s = time.perf_counter() - began
    used_bytes = _resident_bytes() - before_bytes

    def below() -> set[str]:
        return {n for n in nx.descendants(graph, history.dataset) if isinstance(n, str)}

    return _outcome(
        "networkx", load_s, used_bytes,
        {
            "upstream": lambda: {
                n for n in nx.ancestors(graph, history.model) if isinstance(n, str)
            },
            "downstream": below,
            "models": lambda: {n for n in below() if n.endswith(".pt")},
            "readers": lambda: {str(n) for n in graph.successors(history.dataset)},
        },
    )  # fmt: skip


def _resident_bytes() -> int:
    """Return the memory of this process that is in use, less what was freed and kept."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
