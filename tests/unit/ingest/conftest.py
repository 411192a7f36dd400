"""A home for journals made by hand, and a look into the log that comes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provfs.config import Settings, prepare_home
from provfs.journal.record import Record, encode
from provfs.log import store
from tests import builders as b

Put = Callable[..., Path]
Ask = Callable[[str], list[tuple]]


@pytest.fixture
def settings(tmp_path) -> Settings:
    """Return the settings of a fresh home."""
    made = Settings(home=tmp_path / "home")
    prepare_home(made)
    return made


@pytest.fixture
def put(settings) -> Put:
    """Return a function that appends records, and a tail, to the journal of a process."""

    def append(pid: int, *records: Record, tail: bytes = b"") -> Path:
        path = settings.journal_directory / f"{b.BOOT}.{pid}.{pid * 10}.0.jsonl"
        with path.open("ab") as file:
            if not path.stat().st_size:
                file.write(encode(b.journal(b.execution_name(pid))))
            file.write(b.lines(records) + tail)
        return path

    return append


@pytest.fixture
def rows(settings) -> Ask:
    """Return a function that asks the log, with uris shortened to names in the work directory."""

    def ask(statement: str) -> list[tuple]:
        with store.reader(settings.log_path) as connection:
            found = store.fetch(connection, statement).rows
        return [
            tuple(v.removeprefix("file:///work/") if isinstance(v, str) else v for v in row)
            for row in found
        ]

    return ask
