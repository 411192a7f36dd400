"""The journal of the test process itself, read as facts about one place.

Contract: one recorder serves all tests of the process, in strict mode, so that a fault of capture
fails the test in which it happens; each test reads what was recorded since its `mark`. Counts of
repeated reads are spelled out: a version that was read three times stands there three times.
Not here: programs under `provfs run`, see `tests/conftest.py`.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from provfs.capture import active as activation
from provfs.capture.recorder import Recorder
from provfs.config import Settings, prepare_home
from provfs.digest import digest_of_bytes
from provfs.journal import record


class Fact(NamedTuple):
    """One thing that happened to content: `what` is read, write, incomplete, open, rename, remove.

    `content` is the digest, or "absent" where a reason stands for it; None where the kind of record
    has none. A read in part is "part" and its merged ranges.
    """

    what: str
    name: str
    content: str | None = None


def whole(what: str, name: str, content: bytes) -> Fact:
    """Return the fact that all of this content was read or written."""
    return Fact(what, name, str(digest_of_bytes(content)))


def absent(what: str, name: str) -> Fact:
    """Return the fact that content was moved and its digest could not be known, with a reason."""
    return Fact(what, name, "absent")


def perhaps(what: str, name: str, content: bytes) -> Fact:
    """Return the fact that this content was moved where it need not be seen, as in a server."""
    return Fact(what, name, f"?{digest_of_bytes(content)}")


def differences(expected: Sequence[Fact], found: Sequence[Fact]) -> list[str]:
    """Return what is missing and what is too much, in words; empty where the journal is exact."""
    left = list(found)
    said = []
    for fact in expected:
        choices = [fact]
        if fact.content is not None and fact.content.startswith("?"):
            choices = [fact._replace(content=fact.content[1:]), fact._replace(content="absent")]
        taken = next((choice for choice in choices if choice in left), None)
        if taken is None:
            said.append(f"missing: {' '.join(map(str, fact))}")
        else:
            left.remove(taken)
    return said + [f"extra: {' '.join(map(str, fact))}" for fact in left]


def part(name: str, *ranges: tuple[int, int]) -> Fact:
    """Return the fact that these half-open ranges were read, and no others."""
    return Fact("read", name, f"part {ranges}")


class Journal:
    """What this process and its children recorded since the last mark."""

    def __init__(self, recorder: Recorder, home: Path) -> None:
        self.recorder = recorder
        self.home = home
        self._read: dict[Path, int] = {}

    def mark(self) -> None:
        """Forget what was recorded so far."""
        self.records()

    def records(self) -> list[record.AnyRecord]:
        """Return the records since the last call, the own ones first."""
        self.recorder.flush()
        assert self.recorder.lost == 0
        found = []
        for path in sorted((self.home / "journal").glob("*.jsonl")):
            content = path.read_bytes()
            found += [
                record.decode(line) for line in content[self._read.get(path, 0) :].splitlines()
            ]
            self._read[path] = len(content)
        return found

    def facts(self, *roots: str) -> list[Fact]:
        """Return what happened below these uris since the last mark, sorted; names are relative.

        A uri elsewhere stays whole, so that it shows up as unexpected.
        """
        return facts_of(self.records(), roots)


_OF_EXECUTIONS = (record.Execution, record.Exit, record.Code, record.Packages, record.Context)
"""Records that say who the process is, and not what happened to content."""


def facts_of(  # noqa: C901 - one branch for each kind of record
    records: Sequence[record.AnyRecord], roots: Sequence[str]
) -> list[Fact]:
    """Return the facts that records state, sorted."""
    failed = {(r.execution, r.id) for r in records if isinstance(r, record.Failed)}
    written = {(r.execution, r.id) for r in records if isinstance(r, record.Access)}

    def name(uri: str) -> str:
        for root in roots:
            if uri.startswith(root):
                return uri[len(root) :].strip("/")
        return uri

    found: list[Fact] = []
    for item in records:
        if isinstance(item, (record.Journal, record.Failed, *_OF_EXECUTIONS)):
            continue
        key = (item.execution, getattr(item, "id", None))
        if key in failed:
            continue
        if isinstance(item, record.Access):
            what = item.mode if item.complete else "incomplete"
            found += [Fact(what, name(item.uri), _content(item))] * item.opens
        elif isinstance(item, record.Opening):
            if key not in written:
                found.append(Fact("open", name(item.uri)))
        elif isinstance(item, record.Rename):
            found.append(Fact("rename", f"{name(item.uri)} -> {name(item.to)}"))
        elif isinstance(item, record.Remove):
            found.append(Fact("remove", name(item.uri)))
        else:
            found.append(Fact(type(item).__name__.lower(), str(item)))
    return sorted(found, key=str)


def _content(access: record.Access) -> str:
    if access.digest is not None:
        return access.digest
    repeated = access.fingerprint and access.opens  # the reason stands with the first read
    assert access.reason or repeated, f"neither a digest nor a reason: {access}"
    return f"part {access.ranges}" if access.ranges else "absent"


@cache
def own_journal() -> Journal:
    """Return the journal of this process; capture begins with the first call."""
    assert not activation._active, "a test outside of the contract started capture here"
    home = Path(tempfile.mkdtemp(prefix="provfs-contract-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    settings = Settings(home=home, strict=True)
    prepare_home(settings)
    recorder = Recorder(str(settings.journal_directory), lambda: settings)
    recorder.captures("file:///data")  # loads the settings, and strict with them
    activation._active[:] = [recorder]
    return Journal(recorder, home)
