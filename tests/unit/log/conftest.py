"""Tell a story of programs that read and write, and ask the log about it."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from provfs.config import Settings
from provfs.ingest import ingest
from provfs.journal.record import Exit, Remove
from provfs.log import store
from tests import builders as b

SECOND = 10**9


@pytest.fixture
def ran(home):
    """Return a function that records one program and what it read and wrote, then removed.

    Contents are texts, None where no digest could be had; equal name and content is the same state
    of the file. `code` is the content of its script, `fields` are more fields of its execution.
    """
    states = {}

    def state(name, content):
        at_ns = states.setdefault((name, content), len(states) + 1)
        return b.fingerprint(hash(name) % 9999, len(content or ""), at_ns)

    def record(pid, reads=(), writes=(), removes=(), code="v1", **fields):
        at_ns = pid * SECOND
        begin = msgspec.structs.replace(
            b.execution(pid, at_ns),
            command=("python", "step.py"),
            code_uri=b.uri("step.py"),
            code_digest=b.digest_of(code),
            **fields,
        )
        records = [begin]
        number = itertools.count()
        for name, content in dict(reads).items():
            print_ = state(name, content)
            size = len(content or "")
            records.append(
                b.read(pid, next(number), name, at_ns + 10, at_ns + 20, fingerprint=print_,
                       content=content, size_bytes=size)
            )  # fmt: skip
        for name, content in dict(writes).items():
            id_ = next(number)
            records.append(b.opening(pid, id_, name, at_ns + 30))
            records.append(
                b.write(pid, id_, name, at_ns + 30, at_ns + 40, fingerprint=state(name, content),
                        content=content, size_bytes=len(content))
            )  # fmt: skip
        records += [
            Remove(
                execution=b.execution_name(pid), id=next(number), uri=b.uri(name),
                at_ns=at_ns + 50, fingerprint=state(name, content), channel="audit",
            )
            for name, content in dict(removes).items()
        ]  # fmt: skip
        end = Exit(execution=b.execution_name(pid), at_ns=at_ns + 60, exit_code=0, cpu_s=1.0)
        records.append(end)
        b.write_journal(home, pid, records)

    return record


@pytest.fixture
def asked(home):
    """Return a function that takes in what waits and asks; uris become names."""

    def ask(statement, *parameters):
        settings = Settings(home=home)
        ingest(settings)
        with store.reader(settings.log_path) as connection:
            found = store.fetch(connection, statement, parameters).rows
        return [
            tuple(v.replace("file:///work/", "") if isinstance(v, str) else v for v in row)
            for row in found
        ]

    return ask
