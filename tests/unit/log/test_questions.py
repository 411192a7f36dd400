"""The questions about names, people and places, in SQL."""

import pytest

from provfs.errors import AmbiguousArtifactError, UnknownArtifactError


@pytest.fixture
def pipeline(ran):
    """raw.csv becomes clean.csv becomes model.pkl, twice; the second model is copied."""
    ran(1, {"raw.csv": "r1"}, {"data/clean.csv": "c1"})
    ran(2, {"data/clean.csv": "c1"}, {"model.pkl": "m1"})
    ran(3, {"raw.csv": "r2"}, {"data/clean.csv": "c2"})
    ran(4, {"data/clean.csv": "c2"}, {"model.pkl": "m2"}, user_name="ada")
    ran(5, {"model.pkl": "m2"}, {"kept/model.pkl": "m2"})


def test_walk_from_many_names_is_one_walk(pipeline, asked):
    """Several beginnings give the union of what they were made from, each version once."""
    found = asked(
        "SELECT uri, ordinal FROM upstream_of(?) ORDER BY ALL", ["/work/model.pkl@1", "data/"]
    )

    assert found == [("data/clean.csv", 1), ("raw.csv", 1), ("raw.csv", 2)]


def test_pattern_names_all_that_match(pipeline, asked):
    """A name with a star begins at all artifacts that match; downstream at all their versions."""
    found = asked("SELECT uri, ordinal FROM downstream_of(?) ORDER BY ALL", ["*.csv"])

    assert found == [("kept/model.pkl", 1), ("model.pkl", 1), ("model.pkl", 2)]


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (["nowhere.csv"], UnknownArtifactError),
        (["raw.csv", "none/"], UnknownArtifactError),
        (["raw.csv@3"], UnknownArtifactError),
        (["model.pkl"], AmbiguousArtifactError),
    ],
)
def test_names_that_mean_nothing_or_too_much_are_errors(pipeline, asked, names, error):
    """One wrong name among many is an error, as it is alone."""
    with pytest.raises(error, match=names[-1].split("@")[0]):
        asked("SELECT * FROM upstream_of(?)", names)


def test_unknown_name_is_an_error_in_an_empty_log(ran, asked):
    """A log without artifacts knows no name either."""
    ran(1)

    with pytest.raises(UnknownArtifactError):
        asked("SELECT * FROM upstream_of(['raw.csv'])")


def test_weak_edges_are_walked_on_request(ran, asked):
    """A copying program read something else as well, which the copy hardly depends on."""
    ran(1, {"model.pkl": "m", "notes.txt": "n"}, {"kept/model.pkl": "m"})
    query = "SELECT uri FROM upstream_of(['kept/model.pkl'], min_confidence := {}) ORDER BY uri"

    assert asked(query.format(0.5)) == [("model.pkl",)]
    assert asked(query.format(0)) == [("model.pkl",), ("notes.txt",)]


def test_edges_of_one_name_are_those_among_all(pipeline, asked):
    """A filter on a name changes no edge: it leaves out those of other names."""
    columns = "input_uri, input_version_id, output_uri, output_version_id, rule, confidence"
    every = asked(f"SELECT {columns} FROM all_edges ORDER BY ALL")

    for column, place in (("input_uri", 0), ("output_uri", 2)):
        for uri in {edge[place] for edge in every}:
            found = asked(
                f"SELECT {columns} FROM edges WHERE {column} = ? ORDER BY ALL",
                f"file:///work/{uri}",
            )
            assert found == [edge for edge in every if edge[place] == uri and edge[-1] >= 0.5]


def test_copies_say_where_content_lies(pipeline, asked):
    """Every version of the artifact is held against all other places."""
    found = asked("SELECT ordinal, copy_uri, is_current FROM copies('/work/model.pkl')")

    assert found == [(2, "kept/model.pkl", True)]


def test_usage_answers_who_read_and_wrote(pipeline, asked):
    """One row for each way of use and user, with the last execution."""
    found = asked(
        "SELECT mode, user_name, executions, versions, last_execution_id"
        " FROM usage('/work/model.pkl') ORDER BY ALL"
    )

    assert found == [
        ("read", "tester", 1, 1, 5),
        ("write", "ada", 1, 1, 4),
        ("write", "tester", 1, 1, 2),
    ]


def test_change_without_a_writer_is_unattributed(pipeline, asked):
    """The second state of the raw data came from nobody that was seen; the first is no change."""
    found = asked("SELECT uri, kind, noticed_by FROM unattributed()")

    assert found == [("raw.csv", "changed", 3)]


def test_diff_names_inputs_code_and_circumstances(ran, asked):
    """What is equal is not named; a value stands on the side that has it."""
    ran(1, {"a.csv": "1", "same.csv": "s"}, {"x.bin": "x1"}, environment=("LR=1",))
    ran(2, {"b.csv": "2", "same.csv": "s"}, {"x.bin": "x2"}, code="v2", environment=("LR=2",))

    found = asked(
        "SELECT part, name, before IS NULL, after IS NULL FROM diff('x.bin@1', 'x.bin@2')"
    )

    assert found == [
        ("input", "a.csv", False, True),
        ("input", "b.csv", True, False),
        ("code", "step.py", False, False),
        ("environment", "LR", False, False),
    ]
