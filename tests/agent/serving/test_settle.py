"""Raw events become facts: what was read, written, renamed and removed, and by whom."""

from provfs_agent.events import FileKey
from provfs_agent.facts import Appeared, Lost, Read, Remove, Rename, Write
from tests.agent.events_by_hand import MOVER, MS, READER, WRITER, A, B, Stream, due


def test_read_is_a_fact_at_its_close(settler, gate):
    """A file that is opened and closed was read, from the opening to the closing."""
    settler.feed(gate(1, "open", "/d/a", READER), None)
    settler.feed(gate(5, "close_read", "/d/a", READER), A)

    assert due(settler, 5) == [Read("/d/a", 1 * MS, 5 * MS, READER, A)]
    assert len(settler) == 0


def test_write_is_a_fact_when_it_was_quiet(settler, gate):
    """A written file is told a while after its close, not before."""
    settler.feed(gate(1, "create", "/d/a", WRITER), None)
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/a", WRITER), A)

    assert due(settler, 50) == []
    assert due(settler, 200) == [Write("/d/a", 1 * MS, 9 * MS, WRITER, A, sure=True, created=True)]


def test_open_for_writing_alone_is_not_sure(settler, gate):
    """A close after opening for writing proves nothing: a lock file, or a mapped store."""
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/a", WRITER), A)

    (fact,) = due(settler, 200)

    assert not fact.sure


def test_change_that_is_told_late_makes_the_write_sure(settler, gate):
    """The channel of changes may lag behind that of closes."""
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/a", WRITER), A)
    settler.feed(gate(12, "modify", "/d/a", WRITER, order="merged"), None)

    (fact,) = due(settler, 200)

    assert fact.sure
    assert due(settler, 5000) == []


def test_temporary_file_is_known_by_its_final_name_only(settler, gate):
    """A file that its writer makes and renames at once never had the temporary name."""
    settler.feed(gate(1, "create", "/d/x.tmp", WRITER), None)
    settler.feed(gate(1, "open", "/d/x.tmp", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/x.tmp", WRITER), A)
    settler.feed(gate(10, "rename", "/d/x", WRITER, old_path="/d/x.tmp"), A)

    assert due(settler, 500) == [
        Remove("/d/x.tmp", 10 * MS, WRITER),  # nothing, unless somebody has found it there before
        Write("/d/x", 1 * MS, 9 * MS, WRITER, A, sure=True, created=True),
    ]


def test_rename_by_another_process_is_a_rename(settler, gate):
    """What one process wrote and another moved are two facts, in their order."""
    settler.feed(gate(1, "create", "/d/x.tmp", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/x.tmp", WRITER), A)
    settler.feed(gate(10, "rename", "/d/x", MOVER, old_path="/d/x.tmp"), A)

    write, rename = due(settler, 500)

    assert (write.path, write.actor) == ("/d/x.tmp", WRITER)
    assert rename == Rename("/d/x.tmp", "/d/x", 10 * MS, MOVER, A)


def test_rewrite_of_an_old_file_and_rename_are_two_facts(settler, gate):
    """The name that an old file had is not a temporary one: it stays in the record."""
    settler.feed(gate(1, "open", "/d/x", WRITER), None)
    settler.feed(gate(2, "modify", "/d/x", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/x", WRITER), A)
    settler.feed(gate(10, "rename", "/d/y", WRITER, old_path="/d/x"), A)

    assert [type(fact) for fact in due(settler, 500)] == [Write, Rename]


def test_reader_gets_the_write_told_before_its_read(settler, gate):
    """What somebody else reads within the quiet time was written before."""
    settler.feed(gate(1, "create", "/d/a", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/a", WRITER), A)
    settler.feed(gate(10, "open", "/d/a", READER), None)
    settler.feed(gate(12, "close_read", "/d/a", READER), A)

    assert [type(fact) for fact in due(settler, 200)] == [Write, Read]


def test_two_writers_in_a_row_are_two_writes(settler, gate):
    """Two processes that write one file within the quiet time both wrote it."""
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(2, "close_write", "/d/a", WRITER), A)
    settler.feed(gate(3, "open", "/d/a", MOVER), None)
    settler.feed(gate(4, "close_write", "/d/a", MOVER), B)

    assert [fact.actor for fact in due(settler, 500)] == [WRITER, MOVER]


def test_rewrites_by_nobody_known_are_one(settler):
    """Without identities, what happens within the quiet time is one change."""
    seen = Stream("inotify")
    settler.feed(seen(1, "create", "/d/a"), None)
    settler.feed(seen(2, "close_write", "/d/a"), A)
    settler.feed(seen(5, "close_write", "/d/a"), B)

    (fact,) = due(settler, 500)

    assert (fact.state, fact.created, fact.opened_ns, fact.closed_ns) == (B, True, 2 * MS, 5 * MS)


def test_created_and_never_closed_is_taken_after_a_silence(settler):
    """In a freshly made directory the close is often missed: the file is taken as it is."""
    seen = Stream("inotify")
    settler.feed(seen(1, "create", "/d/a"), None)

    assert due(settler, 1500) == []
    (fact,) = due(settler, 2500)
    assert (fact.path, fact.created, fact.closed) == ("/d/a", True, False)


def test_cut_without_opening_is_a_write(settler, gate):
    """`truncate(path)` opens nothing: only the change is seen."""
    settler.feed(gate(1, "modify", "/d/a", WRITER), None)

    (fact,) = due(settler, 2500)

    assert (fact.actor, fact.sure) == (WRITER, True)


def test_file_that_stays_open_is_told_after_a_minute_and_again(settler, gate):
    """A log that is held open for hours is not silent for hours, and its close still counts."""
    settler.feed(gate(1, "open", "/d/log", WRITER), None)
    for at_ms in range(2, 60_000, 1000):
        settler.feed(gate(at_ms, "modify", "/d/log", WRITER), None)
        assert due(settler, at_ms) == []
    (first,) = due(settler, 62_000)
    settler.feed(gate(70_000, "modify", "/d/log", WRITER), None)
    settler.feed(gate(70_001, "close_write", "/d/log", WRITER), A)
    (last,) = due(settler, 71_000)

    assert (first.actor, first.closed) == (WRITER, False)
    assert (last.opened_ns, last.state, last.sure) == (1 * MS, A, True)


def test_came_and_went_unseen_was_only_removed(settler):
    """A scratch file of nobody known was not written; what stood there before it is gone."""
    seen = Stream("inotify")
    settler.feed(seen(1, "create", "/d/t"), None)
    settler.feed(seen(2, "close_write", "/d/t"), A)
    settler.feed(seen(3, "delete", "/d/t"), None)

    assert due(settler, 5000) == [Remove("/d/t", 3 * MS, None)]


def test_moved_before_it_was_told_is_not_left_under_its_old_name(settler):
    """A scan can have found a new file that nobody known moves away at once."""
    seen = Stream("inotify")
    settler.feed(seen(1, "create", "/d/t"), None)
    settler.feed(seen(2, "rename", "/d/x", old_path="/d/t"), A)

    assert Remove("/d/t", 2 * MS, None) in due(settler, 5000)


def test_scratch_file_of_a_known_process_is_kept(settler, gate):
    """Edges pass through a short-lived file, so its write, read and removal are facts."""
    settler.feed(gate(1, "create", "/d/t", WRITER), None)
    settler.feed(gate(2, "close_write", "/d/t", WRITER), None)
    settler.feed(gate(3, "open", "/d/t", READER), None)
    settler.feed(gate(4, "close_read", "/d/t", READER), None)
    settler.feed(gate(5, "delete", "/d/t", MOVER), None)

    assert [type(fact) for fact in due(settler, 5000)] == [Write, Read, Remove]


def test_directory_rename_takes_along_what_is_going_on_below(settler, gate):
    """A file that is open while its directory moves is closed under the new name."""
    settler.feed(gate(1, "create", "/d/old/a", WRITER), None)
    settler.feed(gate(1, "open", "/d/old/a", WRITER), None)
    settler.feed(gate(5, "rename", "/d/new", MOVER, old_path="/d/old", is_directory=True), None)
    settler.feed(gate(9, "close_write", "/d/new/a", WRITER), A)

    rename, write = due(settler, 500)

    assert rename == Rename("/d/old", "/d/new", 5 * MS, MOVER, None, is_directory=True)
    assert (write.path, write.opened_ns, write.created) == ("/d/new/a", 1 * MS, True)


def test_new_directory_has_to_be_looked_into(settler, gate):
    """Files can be made in a directory before it is watched."""
    settler.feed(gate(1, "create", "/d/sub", WRITER, is_directory=True), None)

    assert due(settler, 1) == [Appeared("/d/sub", 1 * MS)]


def test_loss_says_from_when_to_when(settler, gate):
    """After an overflow what waits is told, and the loss reaches back to the last event."""
    settler.feed(gate(1, "create", "/d/a", WRITER), None, "/d")
    settler.feed(gate(2, "close_write", "/d/a", WRITER), A, "/d")
    settler.feed(gate(9, "overflow", "/d", None, lost=3, detail="queue full"), None, "/d")

    write, lost = due(settler, 9)

    assert isinstance(write, Write)
    assert lost == Lost("overflow", "/d", 2 * MS, 9 * MS, 3, "queue full")


def test_end_of_the_agent_tells_what_waits(settler, gate):
    """Nothing that was seen is dropped because the agent ends."""
    settler.feed(gate(1, "create", "/d/a", WRITER), None)
    settler.feed(gate(2, "open", "/d/a", WRITER), None)

    (fact,) = settler.flush(3 * MS)

    assert (fact.path, fact.closed) == ("/d/a", False)


def test_close_told_with_the_new_name_belongs_to_the_old_one(settler, gate):
    """The close is named when it is read, which can be after the rename that is told later."""
    key = FileKey(42, 7)
    settler.feed(gate(1, "open", "/d/x.tmp", WRITER, file=key), None)
    settler.feed(gate(1, "create", "/d/x.tmp", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/x", WRITER, file=key), A)
    settler.feed(gate(9, "rename", "/d/x", WRITER, old_path="/d/x.tmp"), A)

    assert due(settler, 500)[1:] == [
        Write("/d/x", 1 * MS, 9 * MS, WRITER, A, sure=True, created=True)
    ]


def test_rename_that_is_told_before_the_close_is_of_a_temporary_file(settler, gate):
    """The channel of names can be ahead of that of closes, and an open file can be renamed."""
    key = FileKey(42, 7)
    settler.feed(gate(1, "create", "/d/x.tmp", WRITER, file=key), None)
    settler.feed(gate(1, "open", "/d/x.tmp", WRITER, file=key), None)
    settler.feed(gate(5, "modify", "/d/x.tmp", WRITER, file=key), None)
    settler.feed(gate(9, "rename", "/d/x", WRITER, old_path="/d/x.tmp", file=key), A)
    settler.feed(gate(10, "close_write", "/d/x", WRITER, file=key), A)

    assert due(settler, 500)[1:] == [
        Write("/d/x", 1 * MS, 10 * MS, WRITER, A, sure=True, created=True)
    ]


def test_change_of_a_removed_file_is_not_of_the_next_with_its_inode(settler, gate):
    """A change that is told late is of the name that it bears, not of what has the inode now."""
    key = FileKey(42, 7)
    settler.feed(gate(1, "open", "/d/out", WRITER, file=key), None)
    settler.feed(gate(2, "modify", "/d/db-journal", MOVER, file=key, order="merged"), None)
    settler.feed(gate(3, "modify", "/d/out", WRITER, file=key, order="merged"), None)
    settler.feed(gate(9, "close_write", "/d/out", WRITER, file=key), A)

    writers = {fact.actor for fact in due(settler, 500) if fact.path == "/d/out"}
    assert writers == {WRITER}


def test_file_that_is_removed_while_it_is_open_was_written_before(settler, gate):
    """A file without a name ends with its removal, however long it stays open."""
    key = FileKey(42, 7)
    settler.feed(gate(1, "create", "/d/t", WRITER), None)
    settler.feed(gate(1, "open", "/d/t", WRITER, file=key), None)
    settler.feed(gate(5, "delete", "/d/t", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/t", WRITER, file=key), None)

    facts = due(settler, 500)

    assert [type(fact) for fact in facts] == [Remove, Write, Remove]
    assert facts[1].closed_ns < facts[2].at_ns
