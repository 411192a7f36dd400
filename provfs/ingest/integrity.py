"""Make the log anew from the journals, and say whether log, journals and files agree.

Contract: a rebuilt log takes the place of the old one in one step, or not at all; journals are
never changed. Not here: how journals become rows, see `provfs.ingest.pipeline`.
"""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from provfs.config import prepare_home
from provfs.digest import hash_file
from provfs.errors import IntegrityError
from provfs.ingest import beside, retention
from provfs.ingest.ended import INGESTED
from provfs.ingest.pipeline import Report, ingest
from provfs.ingest.steps import text
from provfs.journal.reader import journals
from provfs.log import store
from provfs.model import path_of_uri

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from provfs.config import Settings


class Finding(NamedTuple):
    """A disagreement: `journal`, `log` or `file`, which object, and what is wrong with it."""

    kind: str
    what: str
    reason: str


class Verified(NamedTuple):
    """What was compared.

    Attributes:
        findings: What disagrees; empty where all is well.
        journals: Journals whose ingested bytes were looked at.
        files: Current versions whose file was hashed.
        seal: sha256 over the digests of all that was ever ingested, in order. Kept elsewhere, it
            tells whether log and journals were changed together.
    """

    findings: tuple[Finding, ...]
    journals: int
    files: int
    seal: str


def rebuild(settings: Settings) -> Report:
    """Make the log anew from all journals, and put it in the place of the old one.

    Raises:
        IntegrityError: A journal that the old log was made from is gone or shorter than it was;
            the old log stays.
        LogBusyError: Others did not give the log back in time.
    """
    lost = [finding for finding in _compare_journals(settings)[0] if finding.reason != _EDITED]
    if lost:
        name, reason = lost[0].what, lost[0].reason
        msg = f"the log cannot be made again from its journals: {name} {reason}"
        raise IntegrityError(msg, hint="bring the journal back; the old log was left as it is")
    with beside.directory(settings.home, "rebuild") as directory:
        aside = settings._replace(home=directory)
        with store.replacing(settings.log_path, aside.log_path):
            beside.sweep(settings.home)
            return _make_anew(settings, aside)


def verify(settings: Settings, *, with_files: bool = True) -> Verified:
    """Compare the log with the journals it was made from, and with the files.

    What is compared of the log are all stored tables, row by row, and so edges, which follow from
    them; only kinds of artifacts are not, which follow from the configuration.
    """
    findings, looked_at, seal = _compare_journals(settings)
    if not findings:
        findings = _compare_facts(settings)
    hashed = 0
    if with_files:
        wrong, hashed = _compare_files(settings)
        findings += wrong
    return Verified(tuple(findings), looked_at, hashed, seal)


_EDITED = "was changed after it was ingested"


def _compare_journals(settings: Settings) -> tuple[list[Finding], int, str]:
    with store.reader(settings.log_path) as connection:
        rows = connection.execute(text("taken")).fetchall()
    findings: list[Finding] = []
    seal = sha256()
    for journal, pieces in rows:
        start = 0
        path = _journal(settings, journal)
        for end, digest in (piece.values() for piece in pieces):
            seal.update(f"{journal} {start} {end} {digest}\n".encode())
            if reason := _problem(path, start, end, digest):
                findings.append(Finding("journal", journal, reason))
                break
            start = end
    return findings, len(rows), seal.hexdigest()


def _problem(path: Path | None, start: int, end: int, digest: str | None) -> str | None:
    if path is None:
        return "is gone"
    with path.open("rb") as file:
        file.seek(start)
        content = file.read(end - start)
    if len(content) < end - start:
        return "is shorter than when it was ingested"
    return _EDITED if digest is not None and sha256(content).hexdigest() != digest else None


def _journal(settings: Settings, name: str) -> Path | None:
    places = (settings.journal_directory / name, settings.journal_directory / INGESTED / name)
    return next((path for path in places if path.exists()), None)


def _compare_facts(settings: Settings) -> list[Finding]:
    """Compare with a log made anew; what was ingested meanwhile is in both."""
    ingest(settings)
    with store.reader(settings.log_path) as connection:
        since = retention.since(connection)
        found = facts(connection, since)
    with beside.directory(settings.home, "rebuild") as directory:
        aside = settings._replace(home=directory)
        _make_anew(settings, aside)
        with store.reader(aside.log_path) as connection:
            expected = facts(connection, since)
    return [
        Finding("log", table, _difference(found[table][0], rows))
        for table, (rows, content) in expected.items()
        if found[table] != (rows, content)
    ]


def facts(connection: duckdb.DuckDBPyConnection, since_ns: int = 0) -> dict[str, tuple[int, int]]:
    """Return (rows, content) of every table of an open log, less what retention takes of one.

    Args:
        connection: The log.
        since_ns: The moment of the retention, UTC epoch nanoseconds; 0 for none.
    """
    if since_ns:
        retention.sift(connection, since_ns)
    else:
        for table in ("reads", "changes"):
            connection.execute(f"CREATE OR REPLACE TEMP VIEW kept_{table} AS FROM store.{table}")
    rows = connection.execute(text("facts")).fetchall()
    return {table: (count, content) for table, count, content in rows}


def _difference(found: int, expected: int) -> str:
    if found == expected:
        return f"does not hold what the journals say, in some of {found:,} rows"
    return f"does not hold what the journals say: {found:,} rows, and not {expected:,}"


def _compare_files(settings: Settings) -> tuple[list[Finding], int]:
    """Hash the files whose fingerprint is still that of the current version."""
    with store.reader(settings.log_path) as connection:
        rows = connection.execute(text("present")).fetchall()
    findings: list[Finding] = []
    hashed = 0
    for uri, digest in rows:
        path = path_of_uri(uri)
        if path is None:
            continue
        found = hash_file(path)
        hashed += found is not None
        if found is None:
            reason = "is gone" if not os.path.lexists(path) else "cannot be read"
            findings.append(Finding("file", uri, reason))
        elif str(found[0]) != digest:
            findings.append(Finding("file", uri, "has other content than its newest version"))
    return findings, hashed


def _make_anew(settings: Settings, aside: Settings) -> Report:
    """Make a log in the home `aside` from all journals of a home, and say how that went."""
    prepare_home(aside)
    for directory in (settings.journal_directory / INGESTED, settings.journal_directory):
        for path in journals(directory):
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                os.link(path, aside.journal_directory / path.name)
    return ingest(aside, remembered=settings.log_path)
