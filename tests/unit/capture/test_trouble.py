"""Errors inside capture are counted; the job does not see them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from provfs.capture.plain.content import Pass
from provfs.digest import digest_of_bytes
from provfs.journal import record


@pytest.mark.parametrize("method", ["read", "write"])
def test_trouble_while_hashing_never_reaches_the_job(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Bytes that could not be followed are counted as a loss and hashed from the file instead."""

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Pass, method, broken)
    path = tmp_path / "f.bin"
    with bench.open(path, "wb") as file:
        file.write(b"some")
    for how in (lambda f: f.read(), lambda f: f.read(4), lambda f: f.readinto(bytearray(4))):
        os.utime(path)
        with bench.open(path, "rb", buffering=0) as file:
            assert how(file)
    with bench.open(path, "r+b") as file:
        assert file.read() == b"some"

    assert {a.digest for a in bench.records(record.Access)} == {str(digest_of_bytes(b"some"))}
    assert bench.recorder.lost > 0
    bench.recorder.lost = 0


def test_trouble_while_hashing_is_raised_in_strict_mode(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that ask for it hear of it."""

    def broken(*_: object) -> None:
        raise MemoryError

    bench.recorder._settings = bench.settings._replace(strict=True)
    monkeypatch.setattr(Pass, "write", broken)
    file = bench.open(tmp_path / "f.bin", "wb", buffering=0)

    with pytest.raises(MemoryError):
        file.write(b"some")

    file.close()
    bench.recorder.lost = 0


def test_what_a_signal_handler_raises_inside_of_capture_reaches_the_job(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time limit ends the job's work also where it strikes while capture is at work."""

    class TooLongError(Exception):
        pass

    def stop(*_: object) -> None:
        raise TooLongError

    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, stop)
    monkeypatch.setattr(Pass, "digest", interrupted)
    file = bench.open(tmp_path / "f.bin", "wb", buffering=0)
    file.write(b"some")
    try:
        with pytest.raises(TooLongError):
            file.close()
    finally:
        signal.signal(signal.SIGUSR1, previous)

    assert file.closed
    bench.recorder.lost = 0
