"""Ask the log from Python: the same questions, as values and as tables.

Contract: read-only. Each question opens the log for its own duration, so that an open `Log` in a
notebook keeps nobody from writing; what was recorded since the last `provfs sync` or command is not
in the answer. Names are those of the commands: a uri, a path, the end of one, with `@N` for a
version. Not here: how the log is opened, see `provfs.log.store`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from provfs import config
from provfs.log import store
from provfs.log.answers import Answer, Execution, Reached, Version
from provfs.log.names import artifact_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

T = TypeVar("T")

_REACHED = """
SELECT depth, uri, ordinal, kind, digest, size_bytes, created_at, version_id, rule, confidence,
    via_execution AS execution_id, command
FROM {walk}(?, ?) ORDER BY depth, uri, ordinal"""
_VERSIONS = """
SELECT v.version_id, v.artifact_id, v.uri, v.ordinal, v.kind, v.digest, v.size_bytes, v.origin,
    v.created_at, v.ended_at, v.complete, v.execution_id
FROM versions v JOIN history(?) h ON h.version_id = v.version_id ORDER BY v.ordinal"""


def open_log(home: str | os.PathLike[str] | None = None) -> Log:
    """Return the log of a home.

    Args:
        home: Directory of the home; None for the one that the commands would use here.

    Raises:
        LogNotFoundError: There is no log in it.
        LogVersionError: A newer provfs wrote it.
        LogError: It cannot be used.
    """
    log = Log(config.find_home(None if home is None else os.fspath(home)) / "lineage.duckdb")
    with log.connection():
        return log


class Log:
    """The questions that the log answers; see the macros of the same names.

    Args:
        path: The log file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<Log {self.path}>"

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the log read-only for several statements; nobody can write it meanwhile.

        Raises:
            LogBusyError: A writer did not give it back in time.
        """
        with store.reader(self.path) as connection:
            yield connection

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> Answer:
        """Run one statement, which cannot change the log.

        Raises:
            QueryError: It cannot be run.
        """
        with self.connection() as connection:
            return Answer(store.fetch(connection, statement, parameters))

    def upstream(self, *names: str, min_confidence: float = 0.5) -> list[Reached]:
        """Return what the newest, or named, versions were made from, nearest first.

        Raises:
            UnknownArtifactError: A name stands for nothing.
            AmbiguousArtifactError: A name stands for several artifacts.
        """
        return self._walk("upstream_of", names, min_confidence)

    def downstream(self, *names: str, min_confidence: float = 0.5) -> list[Reached]:
        """Return what was made from all, or the named, versions, nearest first.

        Raises:
            UnknownArtifactError: A name stands for nothing.
            AmbiguousArtifactError: A name stands for several artifacts.
        """
        return self._walk("downstream_of", names, min_confidence)

    def history(self, name: str) -> list[Version]:
        """Return all versions of an artifact, oldest first.

        Raises:
            UnknownArtifactError: No artifact has this name.
        """
        return [Version(*row) for row in self._ask(_VERSIONS, artifact_name(name))]

    def execution(self, execution_id: int) -> Execution | None:
        """Return one execution; None where the log has none of this number."""
        columns = ", ".join(Execution._fields)
        found = self._ask(
            f"SELECT {columns} FROM executions WHERE execution_id = ?",  # noqa: S608 - own names
            execution_id,
        )
        return Execution(*found[0]) if found else None

    def usage(self, name: str) -> Answer:
        """Return who read and wrote an artifact."""
        return self.sql("SELECT * FROM usage(?)", [artifact_name(name)])

    def impact(self, name: str) -> Answer:
        """Return the models that descend from an artifact, and where copies lie."""
        return self.sql("SELECT * FROM impact(?)", [artifact_name(name)])

    def stale(self) -> Answer:
        """Return outputs of which an input has a newer version."""
        return self.sql("SELECT * FROM stale()")

    def reproducible(self, name: str) -> Answer:
        """Return what a version needs to be made again; `state` is what the log knows of each."""
        return self.sql("SELECT * FROM reproducible(?)", [artifact_name(name)])

    def reusable(self, name: str) -> Answer:
        """Return other runs of the same code on the same contents."""
        return self.sql("SELECT * FROM reusable(?)", [artifact_name(name)])

    def diff(self, a: str, b: str) -> Answer:
        """Return what differs between two versions."""
        return self.sql("SELECT * FROM diff(?, ?)", [artifact_name(a), artifact_name(b)])

    def cost(self, name: str) -> Answer:
        """Return what the executions took that made a version."""
        return self.sql("SELECT * FROM cost(?)", [artifact_name(name)])

    def _walk(self, walk: str, names: Sequence[str], min_confidence: float) -> list[Reached]:
        wanted = [artifact_name(name) for name in names]
        return [
            Reached(*row) for row in self._ask(_REACHED.format(walk=walk), wanted, min_confidence)
        ]

    def _ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            return store.fetch(connection, statement, parameters).rows
