"""Whether `provfs run` preloads the library into a command, and what it says where it cannot."""

from __future__ import annotations

import pytest

from provfs.capture import preload
from provfs.cli import launch
from provfs.cli.home import Prepared


@pytest.fixture
def choose(tmp_path):
    """Return what the launcher decides for one command: (reason, variables)."""

    def decide(name, **environment):
        reason = launch._preload(environment, Prepared(str(tmp_path)), name)
        return reason, environment

    return decide


def test_missing_library_is_said_once_before_the_start(choose, monkeypatch, capsys):
    """Without a library the command starts all the same, and one line says what is not seen."""
    monkeypatch.setattr(preload, "library", lambda: None)

    reason, environment = choose("/bin/ls")

    assert (reason, environment) == (None, {})
    assert capsys.readouterr().err.count("native code is not seen") == 1


def test_library_can_be_turned_off_in_silence(choose, capsys):
    """Who asks for a run without the library is not told that it is not there."""
    reason, environment = choose("/bin/ls", PROVFS_NO_PRELOAD="1")

    assert (reason, environment) == (None, {"PROVFS_NO_PRELOAD": "1"})
    assert capsys.readouterr().err == ""


def test_program_that_cannot_have_the_library_is_started_without_it(
    choose, library, tmp_path, capsys
):
    """A loader that would refuse the library never meets it; why, goes into the log."""
    program = tmp_path / "static"
    head = b"\x7fELF\x02\x01\x01" + bytes(11) + (62).to_bytes(2, "little") + bytes(12)
    table = (64).to_bytes(8, "little") + bytes(14) + b"\x38\x00" + b"\x01\x00" + bytes(6)
    program.write_bytes(head + table + bytes(56))
    program.chmod(0o755)

    reason, environment = choose(str(program))

    assert reason in {"statically linked", "built for another kind of machine"}
    assert environment == {}
    assert choose("/bin/ls")[1]["LD_PRELOAD"].endswith(preload.NAME)
    assert capsys.readouterr().err == ""
