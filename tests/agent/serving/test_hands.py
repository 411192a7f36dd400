"""Who wrote a file that several had in their hands, and which state belongs to which write."""

from provfs_agent.facts import Read, Write
from tests.agent.events_by_hand import MOVER, MS, READER, WRITER, A, B, Stream, actor, due


def test_use_belongs_to_the_opener_and_not_to_the_one_who_closes(settler, gate):
    """A forked child that is last to close did not open the file."""
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(9, "close_write", "/d/a", actor(11)), A)

    (fact,) = due(settler, 500)

    assert (fact.actor, fact.opened_ns) == (WRITER, 1 * MS)


def test_program_that_was_started_in_the_process_is_the_one_that_counts(settler, gate):
    """The shell opens the output, then becomes the program that writes it."""
    shell, tool = actor(10, ("sh",)), actor(10, ("sort", "a"))
    settler.feed(gate(1, "open", "/d/a", shell), None)
    settler.feed(gate(9, "close_write", "/d/a", tool), A)

    (fact,) = due(settler, 500)

    assert fact.actor.command == ("sort", "a")


def test_write_belongs_to_those_who_wrote_and_not_to_the_shell_that_opened(settler, gate):
    """Commands write the output that the shell has opened for them, one after the other."""
    shell, first, second = actor(10, ("sh",)), actor(11, ("cat",)), actor(12, ("tr",))
    settler.feed(gate(1, "create", "/d/out", shell), None)
    settler.feed(gate(1, "open", "/d/out", shell), None)
    settler.feed(gate(3, "modify", "/d/out", first, order="merged"), None)
    settler.feed(gate(5, "modify", "/d/out", second, order="merged"), None)
    settler.feed(gate(9, "close_write", "/d/out", shell), A)

    facts = due(settler, 500)

    assert [(type(fact), fact.actor, fact.state) for fact in facts] == [
        (Write, first, None),
        (Read, second, None),
        (Write, second, A),
    ]
    assert facts[0].closed_ns == facts[1].opened_ns < facts[2].closed_ns


def test_reader_does_not_hide_who_wrote(settler, gate):
    """Who changed a file can be told after somebody has read it: each writer has its version."""
    shell, second = actor(10), actor(10, ("tr",))
    first = actor(11, ancestors=(shell.process,))
    settler.feed(gate(1, "open", "/d/a", shell), None)
    settler.feed(gate(9, "close_write", "/d/a", second), A)
    settler.feed(gate(10, "open", "/d/a", READER), None)
    settler.feed(gate(12, "close_read", "/d/a", READER), A)
    settler.feed(gate(13, "create", "/d/a", shell, order="merged"), None)
    settler.feed(gate(13, "modify", "/d/a", first, order="merged"), None)
    settler.feed(gate(13, "modify", "/d/a", second, order="merged"), None)

    facts = due(settler, 200)

    told = [(type(fact), fact.actor.process.pid) for fact in facts]
    assert told == [(Write, 11), (Read, 10), (Write, 10), (Read, 20)]
    assert due(settler, 5000) == []


def test_change_belongs_to_what_the_starter_of_its_process_has_closed(settler, gate):
    """Of two that wrote in a row, a program that the first had started wrote for the first."""
    by_first = actor(11, ancestors=(WRITER.process,))
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(2, "close_write", "/d/a", WRITER), A)
    settler.feed(gate(3, "open", "/d/a", MOVER), None)
    settler.feed(gate(4, "close_write", "/d/a", MOVER), B)
    settler.feed(gate(5, "open", "/d/a", READER), None)
    settler.feed(gate(6, "modify", "/d/a", by_first, order="merged"), None)
    settler.feed(gate(6, "modify", "/d/a", MOVER, order="merged"), None)
    settler.feed(gate(7, "close_read", "/d/a", READER), B)

    writes = [fact for fact in due(settler, 200) if isinstance(fact, Write)]

    assert [(fact.actor, fact.state) for fact in writes] == [(by_first, A), (MOVER, B)]


def test_write_keeps_its_state_where_the_next_opening_changed_nothing(settler, gate):
    """A database is opened for writing by whoever only reads it."""
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(2, "modify", "/d/a", WRITER), None)
    settler.feed(gate(3, "close_write", "/d/a", WRITER), A)
    settler.feed(gate(20, "open", "/d/a", READER), None)
    settler.feed(gate(21, "close_read", "/d/a", READER), A)
    settler.feed(gate(30, "open", "/d/a", READER), None)
    settler.feed(gate(40, "close_write", "/d/a", READER), A)

    assert due(settler, 120) == []
    write, read, use = due(settler, 200)

    assert (write.actor, write.state, read.actor) == (WRITER, A, READER)
    assert (use.actor, use.state, use.sure) == (READER, A, False)


def test_write_that_was_looked_at_too_late_has_not_the_state_of_the_next(settler, gate):
    """Both were seen when both were done, and that the second one wrote is told after that."""
    settler.feed(gate(1, "open", "/d/a", WRITER), None)
    settler.feed(gate(2, "modify", "/d/a", WRITER), None)
    settler.feed(gate(3, "close_write", "/d/a", WRITER), B)
    settler.feed(gate(30, "open", "/d/a", MOVER), None)
    settler.feed(gate(40, "close_write", "/d/a", MOVER), B)
    settler.feed(gate(41, "modify", "/d/a", MOVER, order="merged"), None)

    assert [(fact.actor, fact.state) for fact in due(settler, 200)] == [(WRITER, None), (MOVER, B)]


def test_read_between_two_writes_by_nobody_known_is_told(settler):
    """Writes of nobody known are one, unless somebody has read what the first of them left."""
    seen = Stream("inotify")
    settler.feed(seen(1, "close_write", "/d/a"), A)
    settler.feed(seen(2, "open", "/d/a", READER), None)
    settler.feed(seen(3, "close_read", "/d/a", READER), A)
    settler.feed(seen(4, "close_write", "/d/a"), B)

    told = [(type(fact), fact.actor, fact.state) for fact in due(settler, 500)]

    assert told == [(Write, None, A), (Read, READER, A), (Write, None, B)]


def test_cut_is_told_before_the_read_that_met_it(settler, gate):
    """A cut by name has no close: whoever reads the file afterwards has read what it left."""
    settler.feed(gate(1, "modify", "/d/a", WRITER), None)
    settler.feed(gate(50, "open", "/d/a", READER), None)
    settler.feed(gate(60, "close_read", "/d/a", READER), B)

    write, read = due(settler, 200)

    assert (write.actor, write.state, write.sure, write.closed) == (WRITER, B, True, False)
    assert (read.actor, read.state) == (READER, B)
    assert due(settler, 5000) == []


def test_reader_of_a_file_that_is_being_written_ends_no_write(settler):
    """Where events do not say whose they are, a read says nothing of who has the file open."""
    seen = Stream("inotify")
    settler.feed(seen(1, "create", "/d/a"), None)
    settler.feed(seen(1, "open", "/d/a"), None)
    settler.feed(seen(2, "modify", "/d/a"), None)
    settler.feed(seen(3, "open", "/d/a"), None)
    settler.feed(seen(4, "close_read", "/d/a"), A)
    settler.feed(seen(5, "modify", "/d/a"), None)
    settler.feed(seen(6, "close_write", "/d/a"), B)

    writes = [fact.state for fact in due(settler, 5000) if isinstance(fact, Write)]

    assert writes == [B]


def test_file_that_is_closed_all_the_time_is_told_all_the_same(settler):
    """A log that nobody known appends to twenty times a second is told once in a minute."""
    seen = Stream("inotify")
    told = []
    for place in range(1300):
        settler.feed(seen(50 * place, "close_write", "/d/a"), A)
        told += due(settler, 50 * place)

    assert [fact.closed_ns // MS for fact in told] == [60_000]


def test_cut_at_the_opening_is_no_writing(settler, gate):
    """Whoever only opens an old file for others has changed it, but has written nothing."""
    shell, tool = actor(10, ("sh",)), actor(11, ("sort",))
    settler.feed(gate(1, "open", "/d/out", shell), None)
    settler.feed(gate(1, "modify", "/d/out", shell, order="merged"), None)
    settler.feed(gate(3, "modify", "/d/out", tool, order="merged"), None)
    settler.feed(gate(9, "close_write", "/d/out", shell), A)

    assert [fact.actor for fact in due(settler, 500)] == [tool]
