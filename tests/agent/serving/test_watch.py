"""The agent as a daemon: signals, a second one, a busy log."""

import select
import signal
import sys
import time

import duckdb
import pytest

from provfs.config import Settings
from provfs_agent.cli import main
from provfs_agent.service.log_writer import OTHERS_S, TOGETHER_S, LogWriter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux")


@pytest.fixture
def agent(running):
    return running('level = "native"')


def _watched(agent):
    return {root["root"] for root in agent.status().get("roots", []) if root["watched"]}


def test_ingest_begins_soon_after_something_was_told(home):
    """What the agent tells waits a moment for more, and not for the next look at the journals."""
    home.mkdir()
    settings = Settings(home)
    settings.journal_directory.mkdir()
    writer = LogWriter(settings, "boot-1-1", interval_s=0.1)

    def ingested(now_s, told):
        writer.step(now_s, told)
        select.select([writer.fileno()], [], [], 60)
        writer.step(now_s, told)
        return writer.is_current

    try:
        assert ingested(100, told=1)
        rested_s = 100 + writer.due_s(100)
        assert 100.1 <= rested_s <= 100 + OTHERS_S + 10
        writer.step(rested_s, told=1)
        assert writer.fileno() is None
        writer.step(rested_s, told=2)
        assert writer.fileno() is None
        assert writer.due_s(rested_s) == pytest.approx(TOGETHER_S)
        assert ingested(rested_s + 2 * TOGETHER_S, told=2)
    finally:
        writer.close()


def test_configuration_is_read_again(agent, tmp_path, eventually):
    """SIGHUP changes what is watched; a configuration with an error changes nothing."""
    text = f'[agent]\nlevel = "native"\nwatch = ["{tmp_path}"]\n'
    config = agent.home / "config.toml"
    agent.stop()
    config.write_text(text.replace(str(tmp_path), str(agent.root)))
    agent.start(named=False)
    before = _watched(agent)

    config.write_text(text)
    agent.process.send_signal(signal.SIGHUP)
    eventually(lambda: _watched(agent) == {str(tmp_path)}, timeout_s=30)
    config.write_text("nonsense")
    agent.process.send_signal(signal.SIGHUP)
    eventually(lambda: "not-reloaded" in (agent.home / "stderr").read_text(), timeout_s=30)

    (tmp_path / "last").write_text("told and taken all the same")
    agent.catch_up(eventually, tmp_path)

    assert before == {str(agent.root)}
    assert _watched(agent) == {str(tmp_path)}
    assert [uri for uri in agent.current() if uri.endswith("/last")]
    assert agent.stop() == 0


def test_second_agent_ends_with_its_own_exit_code(agent, capsys):
    """It says who the first is, and the first goes on."""
    assert main(["watch", str(agent.root), "--home", str(agent.home)]) == 12

    assert f"process {agent.process.pid}" in capsys.readouterr().err
    assert main(["status", "--home", str(agent.home)]) == 0


def test_end_in_order_takes_everything_into_the_log(agent):
    """What was seen a moment ago is in the log when the agent has ended."""
    (agent.root / "last").write_text("words")
    time.sleep(0.3)

    assert agent.stop() == 0

    assert [uri for uri in agent.current() if uri.endswith("/last")]
    assert not agent.ask("FROM gaps")


def test_reader_that_keeps_the_log_is_waited_for(agent, eventually):
    """While somebody has the log open the journal goes on; afterwards all of it is taken."""
    (agent.root / "first").write_text("one")
    eventually(lambda: len(agent.current()) == 1, timeout_s=30)
    held = duckdb.connect(str(agent.home / "lineage.duckdb"), read_only=True)
    (agent.root / "second").write_text("two")
    eventually(lambda: agent.status().get("log_error"), timeout_s=40)

    held.close()

    eventually(lambda: len(agent.current()) == 2, timeout_s=40)
    assert agent.process.poll() is None
