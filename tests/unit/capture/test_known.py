"""The table of versions that were read: what it keeps, what it costs, what it forgets."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from provfs.calls import pack_state
from provfs.capture import known, recorder
from provfs.capture.known import KNOWN_LIMIT, Known
from provfs.capture.recorder import Recorder
from provfs.config import Settings, prepare_home
from provfs.journal import record

BUDGET_BYTES = 12 << 20
STAT = (66306, 10**7, 4096, 1_700_000_000_123_456_789, 1_700_000_000_123_456_999)
DIGEST = "xxh3-128:00112233445566778899aabbccddeeff"


@pytest.fixture
def told(tmp_path, monkeypatch) -> Any:
    monkeypatch.setenv("PROVFS_EXECUTION", "")
    monkeypatch.setenv("PROVFS_PROGRAM", "")
    settings = Settings(home=tmp_path / "home")
    prepare_home(settings)
    made = Recorder(str(settings.journal_directory), lambda: settings)
    made.journal = settings.journal_directory
    made.begin()
    return made


def accesses(told: Any) -> list[record.Access]:
    told.finish()
    lines = [line for path in told.journal.iterdir() for line in path.read_bytes().splitlines()]
    return [item for item in map(record.decode, lines) if isinstance(item, record.Access)]


@pytest.mark.parametrize("stat", [(1, 2**64 - 1, 0, -1, 0), (2**63 - 1, 1, 2**62, 2**64, 2**64)])
def test_fingerprints_of_any_size_are_kept(stat: tuple[int, ...]) -> None:
    """Inodes of 64 bits, times before 1970 and after 2262 come back as they were."""
    entry = Known("/x", 1, "file:///x", pack_state(*stat), None, 1, "open")

    access = record.decode(entry.count_line("/x", "e"))

    assert access.fingerprint == "stat:" + ":".join(map(str, stat))
    assert pack_state(*stat) != pack_state(*stat[:4], stat[4] + 1)


@pytest.mark.parametrize("uri", ["file:///data/a.csv", "file:///elsewhere/a.csv", "s3://b/a.csv"])
def test_known_version_is_counted_under_its_uri(told: Any, uri: str) -> None:
    """What was packed comes back in the record of the count, whatever the path was opened as."""
    entry = Known("/data/a.csv", 7, uri, pack_state(*STAT), DIGEST, 1, "open")
    told.remember("/data/a.csv", entry)
    told.reopened(entry)
    told.reclosed(entry)

    [access] = accesses(told)

    assert (access.id, access.uri, access.digest, access.opens) == (7, uri, DIGEST, 1)
    assert access.fingerprint == "stat:" + ":".join(map(str, STAT))
    assert access.size_bytes == STAT[2]


def test_forgotten_version_leaves_its_count(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full table writes what it has counted of the oldest version before it forgets it."""
    monkeypatch.setattr(recorder, "KNOWN_LIMIT", 2)
    for number in range(5):
        key = f"/data/{number}"
        entry = Known(key, number + 1, f"file://{key}", pack_state(*STAT), DIGEST, 1, "open")
        told.remember(key, entry)
        told.reopened(entry)

    assert len(told.known) == 2
    assert [a.id for a in accesses(told)] == [1, 2, 3, 4, 5]


def test_known_versions_stay_below_their_budget(told: Any) -> None:
    """A full table with its keys and pending counts stays below its part of the memory budget."""
    tracemalloc.start()
    try:
        for number in range(KNOWN_LIMIT):
            key = f"/data/imagenet/train/n01440764/n01440764_{number:012d}_x.jpg"
            uri = f"file://{key}"
            state = pack_state(
                66306, 10**7 + number, 10**5 + number, 10**18 + number, 10**18 - number
            )
            entry = Known(
                key,
                10**6 + number,
                uri,
                state,
                f"{DIGEST[:-6]}{number:06x}",
                140_000_000_000_000,
                "open",
            )
            del uri, state
            told.remember(key, entry)
            told.reopened(entry)
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used_bytes < BUDGET_BYTES
    assert len(told.known) == known.KNOWN_LIMIT
