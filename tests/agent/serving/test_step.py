"""A whole agent, fed by hand: what comes late, what is gone meanwhile, what a kill cuts off.

The back end tells what the test says; files, hashing, index and journal are real.
"""

import itertools
import os
import time

import pytest

from provfs.capture import execution
from provfs.config import AgentSettings, Settings
from provfs.journal import record
from provfs.model import path_of_uri
from provfs_agent.events import BackendStatus, RawEvent, clock_ns
from provfs_agent.known import catchup, scan
from provfs_agent.service import contents, journal
from provfs_agent.service.agent import Agent
from provfs_agent.unsettled import Quiet
from tests.agent.events_by_hand import actor

LONG_AGO_NS = 1_000_000_000


class _Backend:
    """Tells what it is given, and is complete when the test says so."""

    def __init__(self, root):
        self.root = root
        self.waiting = []
        self.is_complete = True
        self.seq = 0

    def tell(self, kind, path, by=None, ago_ns=LONG_AGO_NS, **fields):
        self.seq += 1
        order = "merged" if by is None else "certain"
        at_ns = clock_ns() - ago_ns
        event = RawEvent(self.seq, at_ns, "gate", kind, str(path), actor=by, order=order, **fields)
        self.waiting.append(event)

    def events(self, timeout_s):  # noqa: ARG002 - the protocol
        told, self.waiting = self.waiting, []
        return told

    def complete_ns(self, wanted_ns):
        return wanted_ns if self.is_complete else 0

    def fileno(self):
        return None

    def status(self):
        return BackendStatus("A", "by hand", "exact", reads_visible=True)

    def stop(self):
        pass


class _Agent:
    def __init__(self, home, root):
        home.mkdir(exist_ok=True)
        settings = Settings(home)
        settings.journal_directory.mkdir(exist_ok=True)
        self.backend = _Backend(str(root))
        self.home = home
        self.agent = Agent(
            settings, AgentSettings(), [str(root)], lambda *_: self.backend, quiet=Quiet(1)
        )
        self.agent.writer._next_s = float("inf")  # nobody ingests
        self.agent.start()

    def step(self, until=None):
        """Let it work until nothing waits, or until a condition holds."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            more = self.agent.step()
            if until is not None and until():
                return
            if until is None and not more and not self.agent.hasher.waiting:
                self.agent.step()
                return
            time.sleep(0.001)
        pytest.fail("the agent does not come to rest")

    def told(self, path):
        """Return the records of a path, in order."""
        found = []
        for file in sorted((self.home / "journal").iterdir()):
            for line in file.read_bytes().splitlines():
                told = record.decode(line)
                if path_of_uri(getattr(told, "uri", "") or "") == str(path):
                    found.append(told)
        return sorted(found, key=lambda each: each.id)

    def gaps(self):
        """Return the kinds of gaps that it told."""
        return [
            told.kind
            for file in sorted((self.home / "journal").iterdir())
            for told in map(record.decode, file.read_bytes().splitlines())
            if isinstance(told, record.Gap)
        ]

    def kill(self):
        """End it as a kill does: what is not committed is lost."""
        self.agent.index.close()
        self.agent.hasher.stop()


@pytest.fixture
def make(tmp_path, work, monkeypatch):
    made = []

    def start():
        made.append(_Agent(tmp_path / "home", work))
        return made[-1]

    numbers = itertools.count(1)

    def identify(_):
        return execution.Identity("b" * 12, next(numbers), 1)

    # A process is one execution, and the kills of this test need several.
    monkeypatch.setattr(journal.execution, "identify", identify)
    yield start
    for each in made:
        if not each.agent.hasher._stopping:
            each.kill()


def _is_gone(records):
    last = records[-1]
    return isinstance(last, record.Remove) or getattr(last, "kind", "") == "removed"


SHELL, TOOL = actor(10, ("sh",)), actor(11, ("cat", "a"))


def test_writer_that_is_told_late_is_the_one_who_wrote(make, work):
    """A shell opens the output of a command; that the command wrote it comes by another channel."""
    agent = make()
    (work / "out").write_text("x")
    agent.backend.is_complete = False
    agent.backend.tell("open", work / "out", SHELL)
    agent.backend.tell("close_write", work / "out", SHELL)
    agent.step()
    assert agent.told(work / "out") == []

    agent.backend.tell("modify", work / "out", TOOL)
    agent.backend.is_complete = True
    agent.step()

    (write,) = [each for each in agent.told(work / "out") if each.mode == "write"]
    assert write.execution.endswith(f"-{TOOL.process.pid}-{TOOL.process.start}")


def test_file_that_is_only_known_by_being_read_is_told_removed(make, work):
    """A read makes a version in the log also where no digest could be taken: it has an end too."""
    agent = make()
    path = work / "a"
    path.write_text("x")
    agent.backend.tell("open", path, TOOL)
    agent.backend.tell("close_read", path, TOOL)
    agent.agent._take_events()  # its state is known now, its content is not yet
    path.unlink()
    agent.backend.tell("delete", path, TOOL, ago_ns=0)
    agent.step()

    assert [type(each).__name__ for each in agent.told(path)] == ["Access", "Remove"]


def test_digest_that_comes_late_does_not_bring_a_file_back(make, work, monkeypatch):
    """What was hashed before its removal and is heard of after it changes nothing any more."""
    monkeypatch.setattr(contents, "HOLD_NS", 0)
    agent = make()
    agent.step()
    path = work / "a"
    path.write_text("x")
    agent.backend.tell("create", path, TOOL)
    agent.backend.tell("close_write", path, TOOL)
    hashed = agent.agent.hasher
    done, hashed.done = hashed.done, list
    agent.step(until=lambda: agent.told(path) and hashed.hashed_files)
    path.unlink()
    agent.backend.tell("delete", path, TOOL, ago_ns=0)
    agent.step(until=lambda: len(agent.told(path)) > 1)
    hashed.done = done
    agent.step()

    assert [type(each).__name__ for each in agent.told(path)] == ["Access", "Remove"]


def test_kills_in_a_row_hide_no_removal(make, work):
    """What was told by an agent that was killed before its first commit is not forgotten."""
    first = make()
    first.step()
    first.agent.tick()
    first.kill()
    second = make()
    path = work / "a"
    path.write_text("x")
    second.backend.tell("create", path, TOOL)
    second.backend.tell("close_write", path, TOOL)
    second.step()
    assert len(second.told(path)) == 1
    second.kill()
    third = make()
    third.kill()
    path.unlink()

    fourth = make()
    fourth.step()

    assert _is_gone(fourth.told(path))


def test_digest_that_a_killed_agent_owed_is_found_by_the_next(make, work, monkeypatch):
    """A file that is in the journal without its digest is hashed after a kill, though unchanged."""
    monkeypatch.setattr(contents, "HOLD_NS", 0)
    first = make()
    first.step()
    path = work / "a"
    path.write_text("x")
    first.backend.tell("create", path, TOOL)
    first.backend.tell("close_write", path, TOOL)
    first.agent.hasher.done = list
    first.step(until=lambda: first.told(path))
    first.agent.tick()
    first.kill()
    assert [each.digest for each in first.told(path)] == [None]
    monkeypatch.setattr(contents, "HOLD_NS", 10_000_000_000)

    second = make()
    second.step(until=lambda: len(second.told(path)) > 1)

    assert second.told(path)[-1].digest is not None


def test_replaced_and_removed_at_once_by_nobody_known_is_gone(make, work):
    """The version that stood there before ends, though nobody is known to have replaced it."""
    path = work / "a"
    path.write_text("old")
    agent = make()
    agent.step()
    assert agent.told(path)
    agent.backend.tell("create", work / "a.tmp")
    agent.backend.tell("close_write", work / "a.tmp")
    path.unlink()
    agent.backend.tell("rename", path, old_path=str(work / "a.tmp"))
    agent.backend.tell("delete", path, ago_ns=0)
    agent.step()

    assert _is_gone(agent.told(path))
    assert agent.told(work / "a.tmp") == []


def test_cut_before_its_directory_is_renamed_and_read_after_it(make, work):
    """The new name has the cut content at last, though the rename was told with the old one."""
    (work / "d").mkdir()
    path = work / "d" / "a"
    path.write_text("0123456789")
    agent = make()
    agent.step()
    os.truncate(path, 5)
    agent.backend.tell("modify", path, TOOL, ago_ns=300_000_000)
    (work / "d").rename(work / "e")
    moved = work / "e" / "a"
    agent.backend.tell(
        "rename", work / "e", TOOL, 200_000_000, old_path=str(work / "d"), is_directory=True
    )
    agent.backend.tell("open", moved, TOOL, 150_000_000)
    agent.backend.tell("close_read", moved, TOOL, 150_000_000)
    agent.step()

    (rename,) = [each for each in agent.told(path) if isinstance(each, record.Rename)]
    write, read = agent.told(moved)
    assert (write.mode, write.size_bytes, read.mode) == ("write", 5, "read")
    assert write.digest is not None
    assert write.closed_ns > rename.at_ns


def test_root_whose_filesystem_is_away_is_not_told_removed(make, work, monkeypatch):
    """An empty directory on another device than its files were: a mount that is missing."""
    path = work / "a"
    path.write_text("x")
    first = make()
    first.step()
    first.agent.tick()
    first.kill()
    path.unlink()
    real = os.stat

    def elsewhere(name, **options):
        found = real(name, **options)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:]))

    monkeypatch.setattr(catchup.os, "stat", elsewhere)
    second = make()
    second.step()
    second.agent.tick()
    second.step()

    assert [type(each).__name__ for each in second.told(path)] == ["Change"]
    assert "root-empty" in second.gaps()

    monkeypatch.setattr(catchup.os, "stat", real)
    second.agent.roots[0].rescan_s = 0.0
    second.agent.tick()
    second.step()
    assert _is_gone(second.told(path))


def test_directory_that_cannot_be_listed_is_a_gap(make, work, monkeypatch):
    """What is below it may have changed, and nobody knows."""
    (work / "closed").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(scan.os, "scandir", scandir)
    agent = make()
    agent.step()

    assert agent.gaps() == ["unreadable"]


def test_scan_does_not_tell_what_events_will_tell(make, work):
    """What is found while its events are on their way belongs to whoever they say."""
    agent = make()
    agent.step()
    path = work / "x.tmp"
    path.write_text("x")
    agent.backend.is_complete = False
    agent.agent.catch_up.scan(str(work))
    for _ in range(5):
        agent.agent.step()
    agent.backend.tell("create", path, TOOL)
    agent.backend.tell("close_write", path, TOOL)
    path.rename(work / "x")
    agent.backend.tell("rename", work / "x", TOOL, old_path=str(path))
    agent.backend.is_complete = True
    agent.step()

    assert agent.told(path) == []
    assert [each.mode for each in agent.told(work / "x")] == ["write"]
