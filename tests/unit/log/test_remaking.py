"""What can be made again, was made before, can go, and what it cost, in SQL."""

import pytest

from provfs.journal.record import Wait
from tests import builders as b

VERDICT = "SELECT bool_and(state <> 'lost') FILTER (needed) FROM reproducible(?)"
STATES = "SELECT uri, state, needed FROM reproducible(?) WHERE depth > 0 ORDER BY uri"


def test_all_inputs_still_here(ran, asked):
    """What lies where it was read from can be used again."""
    ran(1, {"raw.csv": "r"}, {"clean.csv": "c"})
    ran(2, {"clean.csv": "c"}, {"model.pkl": "m"})

    assert asked(STATES, "model.pkl") == [("clean.csv", "here", True), ("raw.csv", "here", False)]
    assert asked(VERDICT, "model.pkl") == [(True,)]


def test_replaced_source_is_lost(ran, asked):
    """A raw file that was written over unseen, and what was made from it, cannot be had again."""
    ran(1, {"raw.csv": "r1"}, {"clean.csv": "c1"})
    ran(2, {"clean.csv": "c1"}, {"model.pkl": "m1"})
    ran(3, {"raw.csv": "r2"}, {"clean.csv": "c2"})

    assert asked(STATES, "model.pkl") == [("clean.csv", "lost", True), ("raw.csv", "lost", True)]
    assert asked(VERDICT, "model.pkl") == [(False,)]


def test_lost_source_is_not_needed_where_its_outcome_lies(ran, asked):
    """The raw file is gone, but what was cleaned from it is here."""
    ran(1, {"raw.csv": "r1"}, {"clean.csv": "c1"})
    ran(2, {"clean.csv": "c1"}, {"model.pkl": "m1"})
    ran(3, {"raw.csv": "r2"}, {"other.csv": "o"})

    assert asked(STATES, "model.pkl") == [("clean.csv", "here", True), ("raw.csv", "lost", False)]
    assert asked(VERDICT, "model.pkl") == [(True,)]


def test_removed_intermediate_can_be_remade(ran, asked):
    """A file that its program can make again from what is here counts as had."""
    ran(1, {"raw.csv": "r"}, {"clean.csv": "c"})
    ran(2, {"clean.csv": "c"}, {"model.pkl": "m"}, {"clean.csv": "c"})

    assert asked(STATES, "model.pkl") == [("clean.csv", "remake", True), ("raw.csv", "here", True)]
    assert asked(VERDICT, "model.pkl") == [(True,)]


def test_copy_elsewhere_is_as_good(ran, asked):
    """A replaced input whose content lies at another place is found there."""
    ran(1, {"raw.csv": "r1"}, {"kept/raw.csv": "r1"})
    ran(2, {"raw.csv": "r1"}, {"model.pkl": "m"})
    ran(3, {"raw.csv": "r2"})

    found = asked("SELECT uri, state, place FROM reproducible('model.pkl') WHERE depth = 1")

    assert found == [("raw.csv", "copy", "kept/raw.csv")]


def test_same_step_on_same_inputs_was_computed_before(ran, asked):
    """Same script, same contents, also under other names; other code or data does not count."""
    ran(1, {"a.csv": "data"}, {"x.pkl": "m"})
    ran(2, {"copy/a.csv": "data"}, {"y.pkl": "m"})
    ran(3, {"a.csv": "data"}, {"z.pkl": "m"}, code="v2")
    ran(4, {"b.csv": "other"}, {"w.pkl": "n"})

    found = asked("SELECT execution_id, output_uri, same_content FROM reusable('y.pkl')")

    assert found == [(1, "x.pkl", True)]


def test_step_with_an_unknown_input_is_never_reusable(ran, asked):
    """An input without a digest could be anything."""
    ran(1, {"a.csv": None}, {"x.pkl": "m"})
    ran(2, {"a.csv": None}, {"y.pkl": "m"})

    assert asked("SELECT * FROM reusable('y.pkl')") == []


def test_copies_and_intermediates_can_go_and_sources_and_models_stay(ran, asked):
    """Of equal contents the one that is no copy is kept; data that can be remade may go."""
    ran(1, {"raw.csv": "r"}, {"clean.csv": "c"})
    ran(2, {"clean.csv": "c"}, {"model.pkl": "m", "metrics.json": "9"})
    ran(3, {"raw.csv": "r"}, {"backup.csv": "r"})

    found = asked("SELECT uri, reason, same_as FROM deletable() ORDER BY uri")

    assert found == [("backup.csv", "copy", "raw.csv"), ("clean.csv", "remake", None)]


def test_what_cannot_be_made_again_stays(ran, asked):
    """An intermediate of a source that was replaced since is not deletable."""
    ran(1, {"raw.csv": "r1"}, {"clean.csv": "c"})
    ran(2, {"raw.csv": "r2"}, {"model.pkl": "m"})

    assert asked("SELECT uri FROM deletable()") == []


def test_output_without_a_seen_input_stays(ran, asked):
    """Where nothing was read nobody knows what it was made from."""
    ran(1, {}, {"clean.csv": "c"})

    assert asked("SELECT uri FROM deletable()") == []


def test_recently_used_data_stays_on_request(ran, asked):
    """The number of days counts from the last access, and the story is of 2023."""
    ran(1, {"raw.csv": "r"}, {"clean.csv": "c"})

    assert asked("SELECT uri FROM deletable(unused_days := 300)") == [("clean.csv",)]
    assert asked("SELECT uri FROM deletable(unused_days := 100000)") == []


def test_cost_of_a_version_is_that_of_all_on_the_way(ran, asked):
    """Each program on the way counts once, others do not."""
    ran(1, {"raw.csv": "r"}, {"clean.csv": "c"})
    ran(2, {"clean.csv": "c"}, {"model.pkl": "m"})
    ran(3, {"clean.csv": "c"}, {"plot.png": "p"})

    assert asked("SELECT count(*), sum(cpu_s) FROM cost('model.pkl')") == [(2, 2.0)]


def test_costs_of_a_waiting_program_do_not_count_its_children_twice(home, asked):
    """What a native program waited for is taken from what the wait for itself said."""
    starter = b.execution(1, 10)
    shell = b.execution(2, 20, parent=1)
    tool = b.execution(3, 30, parent=2)
    waits = [(1, 2, 5.0), (2, 3, 3.0)]
    b.write_journal(home, 1, [starter])
    b.write_journal(home, 2, [shell])
    b.write_journal(home, 3, [tool])
    for pid, child, cpu_s in waits:
        wait = Wait(
            execution=b.execution_name(pid), child_pid=child, at_ns=100, cpu_s=cpu_s,
            child=b.execution_name(child),
        )  # fmt: skip
        with (home / "journal" / f"{b.execution_name(pid)}.jsonl").open("ab") as file:
            file.write(b.lines([wait]))

    found = asked(
        "SELECT e.pid, c.cpu_s FROM costs c JOIN executions e USING (execution_id) ORDER BY e.pid"
    )

    assert found == [(1, None), (2, 2.0), (3, 3.0)]


@pytest.mark.parametrize("macro", ["reproducible", "reusable", "copies", "usage", "cost"])
def test_unknown_name_is_an_error(ran, asked, macro):
    """Every question about a name refuses one that nothing has."""
    from provfs.errors import UnknownArtifactError

    ran(1, {"raw.csv": "r"}, {"clean.csv": "c"})

    with pytest.raises(UnknownArtifactError, match="nowhere"):
        asked(f"SELECT * FROM {macro}('nowhere')")
