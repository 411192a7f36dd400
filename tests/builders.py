"""Make journals by hand: names, digests, fingerprints and files of records for tests.

Contract: everything is deterministic; the host of these journals never existed, so that no process
of this machine is taken for one of theirs. Times are boot-clock nanoseconds; `wall_ns` turns one
into UTC. Not here: the fields of a record, see `provfs.journal.record`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from provfs.journal.record import (
    FORMAT,
    Access,
    Execution,
    Exit,
    Journal,
    Opening,
    Record,
    Rename,
    Wait,
    encode,
)
from provfs.model import DIGEST_ALGORITHM, Digest, ExecutionName, Fingerprint, uri_of_path

BOOT = "0123456789ab"
HOST = "testhost"
DEVICE = 42
OFFSET_NS = 1_700_000_000_000_000_000
"""Realtime minus boot clock on the invented host; a round moment in November 2023."""


def wall_ns(at_ns: int) -> int:
    """Return the UTC epoch nanoseconds of a boot-clock time."""
    return at_ns + OFFSET_NS


def execution_name(pid: int) -> str:
    """Return the name of the execution with this pid, which is never used twice."""
    return str(ExecutionName(BOOT, pid, pid * 10))


def digest_of(content: str) -> str:
    """Return a digest in its text form: equal for equal contents, not the real hash of them."""
    return str(Digest(DIGEST_ALGORITHM, hashlib.md5(content.encode()).hexdigest()))  # noqa: S324


def fingerprint(inode: int, size_bytes: int, mtime_ns: int, ctime_ns: int | None = None) -> str:
    """Return the text form of a fingerprint; times are boot-clock ones, ctime as mtime by
    default.
    """
    ctime_ns = mtime_ns if ctime_ns is None else ctime_ns
    return str(Fingerprint(DEVICE, inode, size_bytes, wall_ns(mtime_ns), wall_ns(ctime_ns)))


def uri(name: str) -> str:
    """Return the uri of a file in the invented work directory."""
    return uri_of_path(f"/work/{name}")


def journal(execution: str, at_ns: int = 0) -> Journal:
    """Return the first record of a journal."""
    return Journal(
        execution=execution,
        format=FORMAT,
        provfs="0",
        host=HOST,
        boot=BOOT,
        clock="boottime",
        at_ns=at_ns,
        offset_ns=OFFSET_NS,
    )


def execution(
    pid: int, started_ns: int, *, program: int | None = None, parent: int | None = None
) -> Execution:
    """Return the record of an execution; `program` and `parent` are pids, its own where None."""
    return Execution(
        execution=execution_name(pid),
        program=execution_name(pid if program is None else program),
        parent=None if parent is None else execution_name(parent),
        host=HOST,
        pid=pid,
        started_ns=started_ns,
        user_name="tester",
        command=("python", f"step{pid}.py"),
        cwd="/work",
    )


def read(
    pid: int,
    id: int,  # noqa: A002 - the field's name in the journal
    name: str,
    opened_ns: int,
    closed_ns: int,
    *,
    fingerprint: str | None,
    content: str | None = None,
    size_bytes: int | None = None,
    opens: int = 1,
    thread: int | None = 1,
) -> Access:
    """Return a read access; `content` None is a read without a digest."""
    return Access(
        execution=execution_name(pid),
        id=id,
        uri=uri(name),
        mode="read",
        opened_ns=opened_ns,
        closed_ns=closed_ns,
        opens=opens,
        bytes=size_bytes,
        size_bytes=size_bytes,
        fingerprint=fingerprint,
        digest=None if content is None else digest_of(content),
        reason="partly read" if content is None else None,
        thread=thread,
        channel="open",
    )


def opening(
    pid: int,
    id: int,  # noqa: A002
    name: str,
    opened_ns: int,
    thread: int | None = 1,
) -> Opening:
    """Return the record that an artifact was opened for writing."""
    return Opening(
        execution=execution_name(pid),
        id=id,
        uri=uri(name),
        opened_ns=opened_ns,
        thread=thread,
        channel="open",
    )


def write(
    pid: int,
    id: int,  # noqa: A002
    name: str,
    opened_ns: int,
    closed_ns: int,
    *,
    fingerprint: str | None,
    content: str | None,
    size_bytes: int | None = None,
    thread: int | None = 1,
) -> Access:
    """Return the write access that ends the opening of the same id."""
    return Access(
        execution=execution_name(pid),
        id=id,
        uri=uri(name),
        mode="write",
        opened_ns=opened_ns,
        closed_ns=closed_ns,
        bytes=size_bytes,
        size_bytes=size_bytes,
        fingerprint=fingerprint,
        digest=None if content is None else digest_of(content),
        reason="written out of order" if content is None else None,
        thread=thread,
        channel="open",
    )


def rename(
    pid: int,
    id: int,  # noqa: A002
    name: str,
    to: str,
    at_ns: int,
    *,
    fingerprint: str | None,
) -> Rename:
    """Return the record that a file was moved."""
    return Rename(
        execution=execution_name(pid),
        id=id,
        uri=uri(name),
        to=uri(to),
        at_ns=at_ns,
        fingerprint=fingerprint,
        channel="open",
    )


def wait(pid: int, child_pid: int, at_ns: int, *, named: bool = True, exit_code: int = 0) -> Wait:
    """Return the record that a child had ended; `named` False leaves only its pid."""
    return Wait(
        execution=execution_name(pid),
        child_pid=child_pid,
        at_ns=at_ns,
        child=execution_name(child_pid) if named else None,
        exit_code=exit_code,
    )


def exit_(pid: int, at_ns: int) -> Exit:
    """Return the record that an execution ends in order."""
    return Exit(execution=execution_name(pid), at_ns=at_ns, exit_code=0)


def lines(records: Iterable[Record]) -> bytes:
    """Return the bytes of a journal that holds these records."""
    return b"".join(map(encode, records))


def write_journal(home: Path, pid: int, records: Iterable[Record]) -> Path:
    """Write the journal of one execution into a home, after its first record; return its path."""
    directory = home / "journal"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{execution_name(pid)}.jsonl"
    path.write_bytes(lines((journal(execution_name(pid)), *records)))
    return path


def brief(record: Record) -> str:
    """Return the fields of a record that matter to inference, in one line; times in ms."""
    words = [type(record).__name__.lower()]
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name in _SHOWN_FIELDS and value is not None:
            if name.endswith("_ns"):
                value = value // 1_000_000
            words.append(f"{name}={str(value).removeprefix(uri(''))}")
    return " ".join(words)


_SHOWN_FIELDS = frozenset(
    {
        *("id", "uri", "to", "mode", "opened_ns", "closed_ns", "at_ns", "started_ns", "thread"),
        *("fingerprint", "digest", "program", "parent", "child_pid", "child"),
    }
)
