"""The records of a journal and their one-line form.

A record is a fact that one channel saw; it is never edited. One record is one JSON object on one
line, encoded as UTF-8 and ended by a newline. Every record names its execution, so that a line can
be understood without the lines around it. Readers ignore fields they do not know; a change that an
older reader would misunderstand raises `FORMAT`. The page `docs/reference/journal-format.md`
documents every field, and a test holds it against this file.

Times are integers in nanoseconds on the clock that the `journal` record names: with `boottime` they
count from the boot of the host, never step, and compare across processes of that boot.
Not here: files, locks and torn tails, see `provfs.journal.writer` and `provfs.journal.reader`.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

FORMAT = 1


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What all records share: `execution`, the name of the execution that the fact is about."""

    execution: str


class Journal(Record, frozen=True, kw_only=True, tag="journal"):
    """First line of every journal: who writes it, in which format, on which clock."""

    format: int
    provfs: str
    host: str
    boot: str
    clock: str
    at_ns: int
    offset_ns: int


class Execution(Record, frozen=True, kw_only=True, tag="execution"):
    """An execution as it began; several records of one execution complete each other.

    `entry_pid` and `entry_started_ns` are those of the parent's own child where processes that are
    not captured, such as a shell, stand between the parent and this execution.
    """

    program: str
    parent: str | None = None
    host: str
    pid: int
    started_ns: int
    entry_pid: int | None = None
    entry_started_ns: int | None = None
    user_name: str | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    executable: str | None = None
    code_uri: str | None = None
    code_digest: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    job_system: str | None = None
    job_key: str | None = None
    rank: int | None = None
    context: str | None = None
    login_user: str | None = None
    container: str | None = None
    environment: tuple[str, ...] = ()
    packages: str | None = None
    input_pipe: str | None = None
    output_pipe: str | None = None


class Opening(Record, frozen=True, kw_only=True, tag="opening"):
    """An artifact was opened for writing; the access of the same `id` says how it ended."""

    id: int
    uri: str
    opened_ns: int
    thread: int | None = None
    context: str | None = None
    channel: str


class Access(Record, frozen=True, kw_only=True, tag="access"):
    """One execution's opening of one version; repeated openings of an unchanged version are merged.

    The first opening is recorded at its close, later ones together as another record with the same
    `id`: `opened_ns` is then the first of them, and `opens` and `bytes` add up over the records.
    One with `opens` 0 only tells the digest.
    """

    id: int
    uri: str
    mode: str
    opened_ns: int
    closed_ns: int
    opens: int = 1
    bytes: int | None = None
    ranges: tuple[tuple[int, int], ...] | None = None
    size_bytes: int | None = None
    fingerprint: str | None = None
    digest: str | None = None
    reason: str | None = None
    complete: bool = True
    unstable: bool = False
    copy_of: int | None = None
    thread: int | None = None
    context: str | None = None
    channel: str


class Rename(Record, frozen=True, kw_only=True, tag="rename"):
    """A file was moved to another name; `fingerprint` is its state before the move."""

    id: int
    uri: str
    to: str
    at_ns: int
    fingerprint: str | None = None
    channel: str


class Remove(Record, frozen=True, kw_only=True, tag="remove"):
    """A file was removed; `fingerprint` is its last state."""

    id: int
    uri: str
    at_ns: int
    fingerprint: str | None = None
    channel: str


class Failed(Record, frozen=True, kw_only=True, tag="failed"):
    """The opening, rename or removal of the same `id` did not happen after all."""

    id: int
    at_ns: int


class Wait(Record, frozen=True, kw_only=True, tag="wait"):
    """The execution waited until the child `child_pid` had ended.

    `exit_code` is the child's status as a shell shows it negated for signals: 0..255, or -N for
    signal N. `child` names the child where its start time is known. `child_pid` 0 stands for all
    children that were started after `began_ns` and had ended at `at_ns`, as with `os.system`. The
    resources are those of the child and of the descendants that it waited for.
    """

    child_pid: int
    at_ns: int
    began_ns: int | None = None
    child: str | None = None
    exit_code: int | None = None
    cpu_s: float | None = None
    max_rss_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None


class Exit(Record, frozen=True, kw_only=True, tag="exit"):
    """The execution ends in order, with what it used and what capture lost."""

    at_ns: int
    exit_code: int | None = None
    cpu_s: float | None = None
    max_rss_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    lost_records: int = 0


class Gap(Record, frozen=True, kw_only=True, tag="gap"):
    """Something is known to be missing: what kind, how often, and where it shows."""

    at_ns: int
    kind: str
    count: int = 1
    detail: str | None = None
    channel: str


class Code(Record, frozen=True, kw_only=True, tag="code"):
    """A file of the project's own code that the execution ran or imported, as it was then."""

    uri: str
    digest: str
    at_ns: int


class Packages(Record, frozen=True, kw_only=True, tag="packages"):
    """The packages that a digest in `execution.packages` stands for, as `name==version`."""

    digest: str
    names: tuple[str, ...]
    at_ns: int


class Context(Record, frozen=True, kw_only=True, tag="context"):
    """A border inside an execution: a notebook cell, a task or a request began.

    `sources` names the earlier contexts of the execution whose data it uses; None where that is not
    known, and all earlier ones count.
    """

    context: str
    kind: str
    label: str | None = None
    at_ns: int
    sources: tuple[str, ...] | None = None


class Change(Record, frozen=True, kw_only=True, tag="change"):
    """Something happened to a file, and nobody knows which process did it.

    The execution is the one that noticed. The fields of content describe the state afterwards.
    """

    id: int
    uri: str
    kind: str
    to: str | None = None
    at_ns: int
    fingerprint: str | None = None
    digest: str | None = None
    size_bytes: int | None = None
    reason: str | None = None
    channel: str


AnyRecord = (
    Journal
    | Execution
    | Opening
    | Access
    | Rename
    | Remove
    | Failed
    | Wait
    | Exit
    | Gap
    | Code
    | Packages
    | Context
    | Change
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyRecord)


def without_none(hint: Any) -> Any:
    """Return the type that a field has where it is given: `int` for `int | None`."""
    given = [part for part in get_args(hint) if part is not type(None)]
    return given[0] if len(given) == 1 and type(None) in get_args(hint) else hint


def encode(record: Record) -> bytes:
    """Return the line of a record, with its newline."""
    return _encoder.encode(record) + b"\n"


def decode(line: bytes) -> AnyRecord:
    """Return the record of a line, with or without its newline.

    Raises:
        msgspec.DecodeError: The line is not a record: torn, not JSON, of an unknown type or shape.
    """
    decoded: AnyRecord = _decoder.decode(line)
    return decoded
