"""What the agent saw without knowing who did it becomes versions and changes."""

import pytest

from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.journal.record import Change, encode
from provfs.log import store
from tests import builders

AGENT = 900


@pytest.fixture
def settings(tmp_path):
    made = Settings(home=tmp_path / "home")
    prepare_home(made)
    return made


class Told:
    """Changes, numbered, as one agent tells them."""

    def __init__(self) -> None:
        self._id = 0

    def __call__(self, at_ns, kind, name, *, content=None, fingerprint=None, to=None):
        self._id += 1
        return Change(
            execution=builders.execution_name(AGENT),
            id=self._id,
            uri=builders.uri(name),
            kind=kind,
            to=None if to is None else builders.uri(to),
            at_ns=at_ns,
            fingerprint=fingerprint,
            digest=None if content is None else builders.digest_of(content),
            channel="agent",
        )


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def take(settings):
    """Return a function that ingests records as one more journal and then runs a query."""
    count = 0

    def run(records, question="", pid=AGENT):
        nonlocal count
        name = builders.execution_name(pid).replace("-", ".")
        lines = [builders.journal(builders.execution_name(pid)), *records]
        path = settings.journal_directory / f"{name}.{count}.jsonl"
        path.write_bytes(b"".join(map(encode, lines)))
        count += 1
        ingest(settings)
        with store.reader(settings.log_path) as connection:
            return connection.execute(question).fetchall() if question else None

    return run


STATE_1 = builders.fingerprint(7, 10, 100)
STATE_2 = builders.fingerprint(7, 12, 200)
CURRENT = "SELECT uri, digest FROM versions WHERE ended_at IS NULL ORDER BY uri"


def test_found_file_is_an_observed_version(take, told):
    """A file that the agent finds is a version that nobody is known to have written."""
    rows = take(
        [told(500, "observed", "a", content="A", fingerprint=STATE_1)],
        "SELECT uri, origin, execution_id, epoch_ns(created_at) FROM versions",
    )

    assert rows == [(builders.uri("a"), "observed", None, builders.wall_ns(100) // 1000 * 1000)]


def test_change_stands_in_changes_with_its_version(take, told):
    """The view names what happened, to which version, seen by which channel."""
    rows = take(
        [
            told(500, "observed", "a", content="A", fingerprint=STATE_1),
            told(600, "modified", "a", content="B", fingerprint=STATE_2),
        ],
        "SELECT c.kind, c.execution_id, c.channel, v.digest FROM changes c"
        ' JOIN versions v USING (version_id) ORDER BY c."at"',
    )

    assert rows == [
        ("observed", None, "agent", builders.digest_of("A")),
        ("modified", None, "agent", builders.digest_of("B")),
    ]


def test_state_that_is_told_twice_is_one_version_and_one_change(take, told):
    """After a kill the agent tells again what it may have told."""
    record = told(500, "created", "a", content="A", fingerprint=STATE_1)
    take([record])
    rows = take(
        [told(900, "observed", "a", content="A", fingerprint=STATE_1)],
        "SELECT (SELECT count(*) FROM versions), (SELECT count(*) FROM changes)",
    )

    assert rows == [(1, 1)]


def test_removed_file_has_no_current_version(take, told):
    """A removal ends the version that was there."""
    rows = take(
        [
            told(500, "created", "a", content="A", fingerprint=STATE_1),
            told(600, "removed", "a"),
        ],
        f"SELECT count(*) FROM ({CURRENT}) UNION ALL SELECT count(*) FROM changes",
    )

    assert rows == [(0,), (2,)]


@pytest.mark.parametrize("at_once", [True, False])
def test_equal_file_after_a_removal_is_a_new_version(take, told, at_once):
    """Removed and made again with the same content, a file is there, whenever that is ingested."""
    first = [
        told(500, "created", "a", content="A", fingerprint=STATE_1),
        told(600, "removed", "a"),
    ]
    second = [told(700, "created", "a", content="A", fingerprint=STATE_2)]
    if at_once:
        take(first + second)
    else:
        take(first)
        take(second)

    assert take([], CURRENT) == [(builders.uri("a"), builders.digest_of("A"))]


def test_rename_carries_the_content_to_the_new_name(take, told):
    """A renamed file is a version under its new name, with an edge from the old one."""
    take([told(500, "created", "a", content="A", fingerprint=STATE_1)])
    take([told(600, "renamed", "a", to="b", fingerprint=STATE_1)])

    assert take([], CURRENT) == [(builders.uri("b"), builders.digest_of("A"))]
    assert take([], "SELECT input_uri, output_uri, rule FROM edges") == [
        (builders.uri("a"), builders.uri("b"), "rename")
    ]


def test_renamed_directory_moves_all_below_it(take, told):
    """One record of a directory moves every file that is known below."""
    take(
        [
            told(500, "created", "d/a", content="A", fingerprint=STATE_1),
            told(500, "created", "d/b", content="B", fingerprint=STATE_2),
        ]
    )
    take([told(600, "renamed", "d", to="e")])

    assert [uri for uri, _ in take([], CURRENT)] == [builders.uri("e/a"), builders.uri("e/b")]


def test_digest_that_comes_later_completes_the_version(take, told):
    """A big file is told first without its digest."""
    take([told(500, "created", "a", fingerprint=STATE_1)])
    assert take([], CURRENT) == [(builders.uri("a"), None)]

    take([told(900, "observed", "a", content="A", fingerprint=STATE_1)])

    assert take([], CURRENT) == [(builders.uri("a"), builders.digest_of("A"))]


def test_version_belongs_to_the_writer_whose_journal_comes_later(take, told):
    """What the agent found is the same version that a captured process says it wrote."""
    take([told(500, "created", "a", content="A", fingerprint=STATE_1)])
    write = builders.write(5, 1, "a", 90, 100, fingerprint=STATE_1, content="A", size_bytes=10)
    take([builders.execution(5, 10), write], pid=5)

    rows = take([], "SELECT origin, execution_id IS NOT NULL FROM versions")

    assert rows == [("written", True)]


def test_clock_that_was_set_back_does_not_change_the_order(take, told):
    """The stamps of the filesystem may go back; the order in which the agent saw states counts."""
    early = builders.fingerprint(7, 12, 5)
    take([told(500, "created", "a", content="A", fingerprint=STATE_1)])
    take([told(600, "modified", "a", content="B", fingerprint=early)])

    assert take([], CURRENT) == [(builders.uri("a"), builders.digest_of("B"))]


def test_reads_and_writes_by_nobody_are_a_hint_only(take, told):
    """Close in time is a weak reason: in all_edges, never in edges, and only one way round."""
    minute = 60_000_000_000
    other = builders.fingerprint(8, 5, 100)
    late = builders.fingerprint(9, 5, 3 * minute)
    take(
        [
            told(minute, "read", "in", content="I", fingerprint=STATE_1),
            told(minute + 500, "created", "out", content="O", fingerprint=other),
            told(3 * minute, "created", "late", content="L", fingerprint=late),
        ]
    )

    question = "SELECT input_uri, output_uri, rule, confidence FROM "
    assert take([], question + "all_edges") == [
        (builders.uri("in"), builders.uri("out"), "window", 0.3)
    ]
    assert take([], question + "edges") == []


def test_agent_says_digests_itself(take, settings, tmp_path):
    """Ingest does not hash a file of which the agent said that it did not stand still."""
    path = tmp_path / "held"
    path.write_text("content")
    from provfs.digest import fingerprint_of
    from provfs.model import uri_of_path

    change = Change(
        execution=builders.execution_name(AGENT),
        id=1,
        uri=uri_of_path(str(path)),
        kind="created",
        at_ns=1,
        fingerprint=str(fingerprint_of(path.stat())),
        reason="held open by a writer",
        channel="agent",
    )

    assert take([change], "SELECT digest FROM versions") == [(None,)]


@pytest.mark.parametrize("late", [{"a"}, {"b"}, {"a", "b"}])
def test_copy_whose_content_is_told_later_is_a_copy(take, told, late):
    """A digest may come after its read or write, in another ingest: then the edge is put right."""
    states = {"a": STATE_1, "b": builders.fingerprint(8, 10, 400)}
    known = {name: None if name in late else "A" for name in states}
    question = "SELECT input_uri, output_uri, rule, confidence FROM edges"
    program = [
        builders.execution(1, 50),
        builders.read(
            *(1, 1, "a", 300, 310), content=known["a"], fingerprint=states["a"], size_bytes=10
        ),
        builders.write(
            *(1, 2, "b", 300, 400), content=known["b"], fingerprint=states["b"], size_bytes=10
        ),
    ]
    pair = (builders.uri("a"), builders.uri("b"))
    assert take(program, question, pid=1) == [(*pair, "same-process", 1.0)]

    found = [
        told(900, "observed", name, content="A", fingerprint=states[name]) for name in sorted(late)
    ]
    for change in found:
        rows = take([change], question)

    assert rows == [(*pair, "copy", 1.0)]
    assert take([told(950, "observed", "c", content="C", fingerprint=STATE_2)], question) == rows
