"""The index: fingerprint and digest of every file below the roots, as last told to the journal.

Contract: derived; it can be deleted at any time and is then filled again from the disk. A file
stands here only when its state is in a journal, so that what a kill cuts off is told again, which
the log takes for the same version. One process and one thread use it. Memory does not grow with the
number of files. Not here: how it is compared with the disk, see `provfs_agent.known.reconcile`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from provfs.model import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1
"""A file with another number is thrown away."""

_CACHE_KIB = 8192
_TABLES = """
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, node TEXT, fingerprint TEXT, digest TEXT)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_node ON files (node);
CREATE TABLE IF NOT EXISTS roots (root BLOB PRIMARY KEY, seen_ns INTEGER);
CREATE TABLE IF NOT EXISTS told (execution TEXT, id INTEGER);
CREATE TEMP TABLE wanted (path BLOB PRIMARY KEY) WITHOUT ROWID;
"""


UNKNOWN = Fingerprint(0, 0, 0, 0, 0)
"""Stands for the state of a file of which only is known that it was there; no file has it."""


class Known(NamedTuple):
    """The last state of a file that the journal was told; `digest` is None where it had none."""

    fingerprint: Fingerprint
    digest: str | None


class Index:
    """The index of one home.

    Args:
        path: Of the database file; made where it is missing, made anew where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = _opened(path)
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._database = _opened(path)
        self._dirty = False
        self.is_broken = False

    def get(self, path: str) -> Known | None:
        """Return what is known of a path; None where nothing is."""
        row = self._database.execute(
            "SELECT fingerprint, digest FROM files WHERE path = ?", (os.fsencode(path),)
        ).fetchone()
        return None if row is None else _known(*row)

    def put(self, path: str, fingerprint: Fingerprint, digest: str | None) -> None:
        """Note the state of a path."""
        self._write(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
            (os.fsencode(path), _node(fingerprint), str(fingerprint), digest),
        )

    def remove(self, path: str) -> None:
        """Forget a path."""
        self._write("DELETE FROM files WHERE path = ?", (os.fsencode(path),))

    def rename(self, path: str, to: str) -> None:
        """Give what is known of a path another name."""
        self._write(
            "UPDATE OR REPLACE files SET path = ? WHERE path = ?",
            (os.fsencode(to), os.fsencode(path)),
        )

    def rename_tree(self, directory: str, to: str) -> None:
        """Give what is known below a directory the name of another."""
        old, new = os.fsencode(directory), os.fsencode(to)
        self._write(
            "UPDATE OR REPLACE files SET path = CAST(? || substr(path, ?) AS BLOB)"
            " WHERE path > ? AND path < ?",
            (new, len(old) + 1, old + b"/", old + b"0"),
        )

    def below(self, directory: str) -> Iterator[tuple[str, Known]]:
        """Yield path and state of what is known below a directory, in the order of bytes."""
        prefix = os.fsencode(directory.rstrip("/"))
        cursor = self._database.execute(
            "SELECT path, fingerprint, digest FROM files WHERE path > ? AND path < ? ORDER BY path",
            (prefix + b"/", prefix + b"0"),
        )
        for path, fingerprint, digest in cursor:
            yield os.fsdecode(path), _known(fingerprint, digest)

    def names_of(self, fingerprint: Fingerprint) -> list[str]:
        """Return the paths that are known for the same device and inode."""
        rows = self._database.execute(
            "SELECT path FROM files WHERE node = ?", (_node(fingerprint),)
        ).fetchall()
        return [os.fsdecode(path) for (path,) in rows]

    def __len__(self) -> int:
        """Return how many files are known; takes time in proportion."""
        return int(self._database.execute("SELECT count(*) FROM files").fetchone()[0])

    def want(self, path: str) -> None:
        """Remember a path that has to be looked at; forgotten when this process ends."""
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: a later scan finds it
            self._database.execute("INSERT OR IGNORE INTO wanted VALUES (?)", (os.fsencode(path),))

    def take_wanted(self, limit: int) -> list[str]:
        """Return some of the wanted paths and forget them."""
        rows = self._database.execute(
            "DELETE FROM wanted WHERE path IN (SELECT path FROM wanted LIMIT ?) RETURNING path",
            (limit,),
        ).fetchall()
        return [os.fsdecode(path) for (path,) in rows]

    @property
    def wanted(self) -> int:
        """How many paths wait to be looked at."""
        return int(self._database.execute("SELECT count(*) FROM wanted").fetchone()[0])

    def seen_ns(self, root: str) -> int | None:
        """Return until when a root was watched, UTC; None where it never was."""
        row = self._database.execute(
            "SELECT seen_ns FROM roots WHERE root = ?", (os.fsencode(root),)
        ).fetchone()
        return None if row is None else int(row[0])

    def mark_seen(self, root: str, at_ns: int) -> None:
        """Note that a root is watched and that the index holds what was seen until then, UTC."""
        self._write("INSERT OR REPLACE INTO roots VALUES (?, ?)", (os.fsencode(root), at_ns))

    def told(self) -> dict[str, int]:
        """Return the last record that the index knows of, by execution of the agent that told it.

        There are several where agents were killed before they had caught up with each other; an
        empty name stands for all that ever were, of whom a new index knows nothing.
        """
        return dict(self._database.execute("SELECT execution, id FROM told").fetchall())

    def begin(self, execution: str) -> None:
        """Note that an agent tells things from now on, so that its first records are looked for."""
        if not self.told():
            self._write("INSERT INTO told VALUES ('', 0)", ())
        self._write("INSERT INTO told VALUES (?, 0)", (execution,))
        self._commit()

    def commit(self, execution: str, number: int, *, alone: bool = True) -> None:
        """Make what was noted last; without it a kill takes the last seconds back.

        Args:
            execution: Who has told it to the journal.
            number: The last record that was told.
            alone: Whether all that earlier agents told has been looked at.
        """
        if self._dirty or (alone and len(self.told()) > 1):
            self._write("DELETE FROM told WHERE execution = ? OR ?", (execution, alone))
            self._write("INSERT INTO told VALUES (?, ?)", (execution, number))
            self._commit()

    def _commit(self) -> None:
        try:
            if self._dirty:
                self._database.execute("COMMIT")
                self._dirty = False
        except sqlite3.OperationalError:
            self._break()

    def mend(self) -> bool:
        """Try whether the index can be written again; True where it can and could not before.

        What was noted since the last commit is lost then, and has to be found again.
        """
        if not self.is_broken:
            return False
        self.is_broken = False
        self._write("DELETE FROM roots WHERE root IS NULL", ())
        self._commit()
        return not self.is_broken

    def close(self) -> None:
        """Close the file; what was not committed is lost."""
        self._database.close()

    def _write(self, statement: str, parameters: tuple[object, ...]) -> None:
        """Change the database; on a full disk do nothing until `mend` has found room again."""
        if self.is_broken:
            return
        try:
            if not self._dirty:
                self._database.execute("BEGIN")
                self._dirty = True
            self._database.execute(statement, parameters)
        except sqlite3.OperationalError:
            self._break()

    def _break(self) -> None:
        self.is_broken, self._dirty = True, False
        with contextlib.suppress(sqlite3.OperationalError):
            self._database.execute("ROLLBACK")


def _opened(path: Path) -> sqlite3.Connection:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA temp_store = FILE")
        _check_format(database, path)
        database.executescript(_TABLES)
        database.execute(f"PRAGMA user_version = {FORMAT}")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found not in {0, FORMAT}:
        msg = f"{path} has format {found}, expected {FORMAT}"
        raise sqlite3.DatabaseError(msg)


def _known(fingerprint: str, digest: str | None) -> Known:
    parsed = Fingerprint.parse(fingerprint)
    if parsed is None:
        msg = f"the index holds {fingerprint!r}, which is no fingerprint of a local file"
        raise sqlite3.DatabaseError(msg)
    return Known(parsed, digest)


def _node(fingerprint: Fingerprint) -> str:
    return f"{fingerprint.device}:{fingerprint.inode}"
