"""What the agent knows of files, and how it is compared with the disk."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provfs_agent.known.index import Index
from provfs_agent.known.reconcile import Difference, differences
from provfs_agent.known.scan import files_below, is_gone
from provfs_agent.service.metrics import metrics_text
from provfs_agent.service.notify import Notifier
from provfs_agent.service.status import RECENT_S, LastLoss, problems_of
from tests.agent.events_by_hand import state

NAMES = st.text(alphabet="a./-é\udce9", min_size=1, max_size=6)
TREES = st.dictionaries(NAMES, st.integers(0, 2))


def _listing(tree):
    return sorted(
        ((name, state(size=size)) for name, size in tree.items()),
        key=lambda pair: os.fsencode(pair[0]),
    )


@given(TREES, TREES)
def test_comparison_finds_every_difference_once_and_nothing_else(known, found):
    """Streaming two sorted lists gives what two dictionaries would."""
    got = [each for each in differences(_listing(known), _listing(found)) if each is not None]

    expected = {
        Difference(
            name,
            state(size=known[name]) if name in known else None,
            state(size=found[name]) if name in found else None,
        )
        for name in {*known, *found}
        if known.get(name) != found.get(name)
    }
    assert len(got) == len(expected)
    assert set(got) == expected


def test_listing_is_in_the_order_of_bytes(tmp_path):
    """A directory comes where its paths come, not where its name does."""
    for name in ("a/z", "a.txt", "a-b", "a/b/c", "aa", "b"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "skipped").mkdir()
    (tmp_path / "skipped" / "x").touch()

    found = [path for path, _ in files_below(str(tmp_path), lambda path: path.endswith("skipped"))]

    assert found == sorted(found, key=os.fsencode)
    assert len(found) == 6


def test_what_cannot_be_looked_for_is_not_gone(tmp_path):
    """A loop of links says nothing about the file behind it."""
    (tmp_path / "loop").symlink_to("loop")

    assert is_gone(str(tmp_path / "nothing"))
    assert not is_gone(str(tmp_path / "loop" / "x"))


@pytest.fixture
def index(tmp_path):
    made = Index(tmp_path / "index")
    yield made
    made.close()


def test_index_keeps_what_was_committed(tmp_path):
    """A kill takes back what was noted after the last commit, and only that."""
    first = Index(tmp_path / "index")
    first.put("/d/a", state(1), "digest")
    first.commit("agent", 7)
    first.put("/d/b", state(2), None)
    first.close()

    second = Index(tmp_path / "index")
    assert second.get("/d/a") == (state(1), "digest")
    assert second.get("/d/b") is None
    assert second.told() == {"agent": 7}
    second.close()


def test_index_names_all_agents_that_it_may_have_missed(tmp_path):
    """An agent that is killed before its first commit is not forgotten by the next one."""
    index = Index(tmp_path / "index")
    index.begin("first")
    index.put("/d/a", state(1), "digest")
    index.commit("first", 7)
    index.begin("second")
    index.close()

    index = Index(tmp_path / "index")
    index.begin("third")
    index.put("/d/b", state(2), "digest")
    index.commit("third", 9, alone=False)
    assert index.told() == {"first": 7, "second": 0, "third": 9}
    index.commit("third", 9)
    assert index.told() == {"third": 9}
    index.close()


def test_new_index_has_missed_every_agent(tmp_path):
    """Where the index was lost, all that was ever told is looked at, after a kill too."""
    index = Index(tmp_path / "index")
    assert index.told() == {}
    index.begin("first")
    index.close()

    index = Index(tmp_path / "index")
    assert index.told() == {"": 0, "first": 0}
    index.close()


def test_index_knows_what_is_below_a_directory_only(index):
    """Names that begin alike are not below each other."""
    for name in ("/d/a", "/d/b/c", "/d-e", "/d.txt", "/da"):
        index.put(name, state(), None)

    assert [path for path, _ in index.below("/d")] == ["/d/a", "/d/b/c"]


def test_index_gives_all_names_of_a_file(index):
    """Hard links are names of one file."""
    index.put("/d/a", state(5), None)
    index.put("/d/b", state(5), None)
    index.put("/d/c", state(6), None)
    index.rename("/d/a", "/d/z")

    assert sorted(index.names_of(state(5))) == ["/d/b", "/d/z"]


def test_status_says_what_is_wrong():
    """Every loss, fallback and failure is one sentence; without any there is none."""
    root = {
        "root": "/d",
        "watched": True,
        "lost": 0,
        "overflows": 0,
        "stepped_down": "",
        "level": "A",
    }
    assert problems_of({"roots": [root]}) == []

    loss = {"at": 1_795_600_000, "ago_s": 60.0}
    bad = {**root, "lost": 3, "overflows": 1, "last_loss": loss}
    bad |= {"stepped_down": "slow", "level": "B"}
    gone = {"root": "/e", "watched": False, "problem": "not there"}
    itself = {"lost_records": 2, "last_lost_record": loss, "log_error": "disk full"}
    found = problems_of({"roots": [bad, gone], **itself})
    assert len(found) == 5
    assert "the last at 2026-11-25T09:46:40+00:00" in found[0]


def test_status_is_well_again_when_a_loss_is_old():
    """What was lost hours ago stands in the numbers, and is no problem any more."""
    loss = LastLoss()
    assert loss.facts() is None
    loss.note()
    assert loss.facts()["ago_s"] < 60

    old = {"at": 1_795_600_000, "ago_s": RECENT_S + 1}
    root = {"root": "/d", "watched": True, "overflows": 1, "last_loss": old, "stepped_down": ""}
    late = {"lag_s": 90.0, "event_ago_s": 5.0}
    facts = {"roots": [root], "lost_records": 2, "last_lost_record": old}
    assert problems_of({**facts, "lag_s": 90.0, "event_ago_s": 3000.0}) == []
    assert len(problems_of({**facts, **late})) == 1


def test_metrics_are_lines_that_prometheus_reads():
    """One line a number, with names and labels."""
    text = metrics_text({"events": 3, "roots": [{"root": '/a"b', "watched": True, "lost": 1}]})

    assert "provfs_agent_events_total 3\n" in text
    assert 'provfs_agent_root_lost_total{root="/a\\"b"} 1\n' in text


def test_service_manager_is_told(monkeypatch, tmp_path):
    """Readiness, reload, life and end are one datagram each."""
    import socket

    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        notifier = Notifier()
        notifier.ready()
        notifier.reloading()
        notifier.alive("well")
        notifier.stopping()
        said = [manager.recv(1000).decode().split("=")[0] for _ in range(4)]

    assert said == ["READY", "RELOADING", "WATCHDOG", "STOPPING"]
    assert notifier.watchdog_s == 10


def test_index_survives_a_full_disk(tmp_path):
    """Nothing raises while there is no room; what was noted last is lost, and that is told."""
    index = Index(tmp_path / "index")
    index.put("/d/a", state(1), None)
    index.commit("agent", 1)
    pages = index._database.execute("PRAGMA page_count").fetchone()[0]
    index._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(2000):
        index.put(f"/d/{number}", state(number), "x" * 50)
    index.commit("agent", 2)

    assert index.is_broken
    assert not index.mend() or index.told() == {"agent": 1}
    index._database.execute("PRAGMA max_page_count = 1000000")
    index.is_broken = True
    assert index.mend()
    assert index.told() == {"agent": 1}
    assert index.get("/d/a") is not None
    index.put("/d/b", state(2), None)
    index.commit("agent", 3)
    assert index.told() == {"agent": 3}
    index.close()
