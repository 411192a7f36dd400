"""Which way to watch is chosen, and what happens when it fails."""

import subprocess
import sys

import pytest

from provfs_agent.backends import choose, filesystem_type
from provfs_agent.backends.inbox import Inbox
from provfs_agent.backends.ladder import Ladder, Level
from provfs_agent.events import BackendStatus, RawEvent, WatchSettings, clock_ns


class _Scripted:
    """A back end that does what the test says."""

    def __init__(self, level, *answers, refuses=""):
        self.root = "/r"
        self.level = level
        self.answers = list(answers)
        self.refuses = refuses
        self.stopped = 0

    def start(self):
        if self.refuses:
            raise OSError(1, self.refuses)

    def events(self, timeout_s):  # noqa: ARG002 - as the protocol has it
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    def complete_ns(self, wanted_ns):
        return wanted_ns

    def fileno(self):
        return None

    def status(self):
        return BackendStatus(
            level=self.level, name=self.level, attribution="none", reads_visible=False
        )

    def stop(self):
        self.stopped += 1


def _event(seq):
    return RawEvent(seq, clock_ns(), "gate", "open", "/r/a")


def _ladder(*backends):
    return Ladder("/r", [Level(each.level, lambda each=each: each) for each in backends])


def test_best_level_that_starts_is_used():
    """Refused levels are passed over, and named with their reason."""
    first, second = _Scripted("A", refuses="not permitted"), _Scripted("B")
    ladder = _ladder(first, second, _Scripted("C"))

    ladder.start()

    assert ladder.status().level == "B"
    assert ladder.status().refused == (("A", "not permitted"),)
    assert first.stopped == 1


def test_root_that_nothing_can_watch_is_an_error():
    """Where no level works, the last reason is told."""
    with pytest.raises(OSError, match="/r cannot be watched: no more watches"):
        _ladder(_Scripted("C", refuses="no more watches")).start()


def test_level_that_fails_gives_way_with_a_gap():
    """After a failure the next level goes on; numbers of events rise across it."""
    ladder = _ladder(_Scripted("B", [_event(7)], OSError("it ended")), _Scripted("C", [_event(1)]))
    ladder.start()

    first, gap, later = (ladder.events(0)[0] for _ in range(3))

    assert (first.seq, gap.kind, later.kind) == (7, "overflow", "open")
    assert first.seq < gap.seq < later.seq
    assert "it ended" in gap.detail
    assert ladder.status().level == "C"
    assert ladder.status().stepped_down == "it ended"


def test_last_level_that_fails_is_an_error():
    """When nothing is left, the caller is told."""
    ladder = _ladder(_Scripted("C", OSError("it ended")))
    ladder.start()

    with pytest.raises(OSError, match="cannot be watched"):
        ladder.events(0)


def test_full_inbox_tells_what_it_dropped():
    """Events that a slow agent did not take are an overflow with their number."""
    inbox = Inbox("inotify", "/r", limit=3)
    for _ in range(5):
        inbox.put(_event(0))

    taken = inbox.take(0)
    (gap,) = inbox.take(0)
    inbox.close()

    assert [each.seq for each in taken] == [1, 2, 3]
    assert (gap.kind, gap.lost, gap.seq) == ("overflow", 2, 4)
    assert inbox.lost == 2


def test_inbox_wakes_its_reader():
    """The descriptor is readable while something waits, and only then."""
    import select

    inbox = Inbox("inotify", "/r")
    assert not select.select([inbox.fileno()], [], [], 0)[0]
    inbox.put(_event(0))
    assert select.select([inbox.fileno()], [], [], 0)[0]
    inbox.take(0)
    assert not select.select([inbox.fileno()], [], [], 0)[0]
    inbox.close()


def test_level_can_be_demanded(tmp_path):
    """An operator who asks for one level gets that one or an error."""
    backend = choose(str(tmp_path), WatchSettings(level="poll", poll_interval_s=3600))

    assert backend.status().level == "E"
    backend.stop()


def test_network_filesystem_is_polled(tmp_path, monkeypatch):
    """Where other hosts write too, the kernel's events would not be all, so lists are compared."""
    monkeypatch.setattr("provfs_agent.backends.filesystem_type", lambda _path: "nfs4")
    backend = choose(str(tmp_path), WatchSettings(poll_interval_s=3600))

    assert backend.status().level == "E"
    backend.stop()


def test_missing_root_is_an_error(tmp_path):
    """Nothing is watched where there is nothing."""
    with pytest.raises(NotADirectoryError):
        choose(str(tmp_path / "missing"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_filesystem_type_is_the_kernels_word():
    """The type is that of the mount which the path lies on."""
    assert filesystem_type("/proc/self") == "proc"
    assert filesystem_type("/no/such/place") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_without_privilege_inotify_is_used(tmp_path):
    """An agent without capabilities watches all the same, and says why not better."""
    script = (
        "import sys\n"
        "from provfs_agent.backends import choose\n"
        "backend = choose(sys.argv[1])\n"
        "status = backend.status()\n"
        "print(status.level, status.attribution, [letter for letter, _ in status.refused])\n"
        "backend.stop()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    try:
        plain = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        done = subprocess.run(
            [*plain, *command], check=False, capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("no setpriv to give up capabilities with")

    assert done.stdout == "C best-effort ['A', 'B']\n", done.stderr
