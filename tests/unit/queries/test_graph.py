"""Trees are drawn from edges and nothing else."""

from provfs.queries.graph import Edge, draw


def _edges(*pairs, rule="same-process", confidence=1.0, execution=1):
    return [Edge(near, far, execution, rule, confidence) for near, far in pairs]


def _names(count, directory="/d"):
    return {number: (f"file://{directory}/{number:06}", "dataset") for number in range(count)}


def _shape(lines):
    return [(line.branch, line.version_ids) for line in lines]


def test_root_alone_is_one_line():
    """A version without edges stands alone."""
    (line,) = draw(0, [], _names(1), upstream=True, depth=None)

    assert (line.branch, line.version_ids, line.rules, line.confidence) == ("", (0,), (), None)


def test_branches_show_who_hangs_below_whom():
    """The last of its siblings is drawn with a corner, the others with a tee."""
    edges = _edges((1, 0), (2, 0), (3, 1))

    lines = draw(0, edges, _names(4), upstream=True, depth=None)

    assert _shape(lines) == [("", (0,)), ("├─ ", (1,)), ("│  └─ ", (3,)), ("└─ ", (2,))]


def test_downstream_turns_the_edges_around():
    """Outputs hang below inputs."""
    lines = draw(0, _edges((0, 1), (1, 2)), _names(3), upstream=False, depth=None)

    assert [line.version_ids for line in lines] == [(0,), (1,), (2,)]


def test_version_met_again_is_not_unfolded_again():
    """A diamond shows its tip twice, and what lies below only once."""
    edges = _edges((1, 0), (2, 0), (3, 1), (3, 2), (4, 3))

    lines = draw(0, edges, _names(5), upstream=True, depth=None)

    assert [line.version_ids for line in lines] == [(0,), (1,), (3,), (4,), (2,), (3,)]
    assert [line.repeated for line in lines] == [False] * 5 + [True]


def test_many_siblings_of_a_directory_are_folded():
    """A thousand inputs are one line with all their ids; their own inputs hang below it."""
    names = _names(2002)
    edges = _edges(*((number, 0) for number in range(1, 1001)))
    edges += _edges(*((number + 1000, number) for number in range(1, 1001)), rule="copy")

    lines = draw(0, edges, names, upstream=True, depth=None)

    assert [len(line.version_ids) for line in lines] == [1, 1000, 1000]
    assert lines[1].directory == "file:///d/"
    assert lines[2].rules == ("copy",)


def test_files_of_another_kind_are_not_folded_with_them():
    """A model among many data files keeps its own line."""
    names = {**_names(20), 20: ("file:///d/model", "model")}

    lines = draw(
        0, _edges(*((number, 0) for number in range(1, 21))), names, upstream=True, depth=None
    )

    assert sorted(len(line.version_ids) for line in lines) == [1, 1, 19]


def test_folded_line_has_the_weakest_confidence_and_all_rules():
    """Nothing that is weak hides behind something strong."""
    edges = _edges(*((number, 0) for number in range(1, 12)))
    edges += _edges((12, 0), rule="child", confidence=0.6, execution=2)

    line = draw(0, edges, _names(13), upstream=True, depth=None)[1]

    assert (line.rules, line.confidence) == (("child", "same-process"), 0.6)
    assert line.execution_ids == (1, 2)


def test_depth_cuts_with_a_mark():
    """What is left out is marked where it would hang."""
    lines = draw(0, _edges((1, 0), (2, 1)), _names(3), upstream=True, depth=1)

    assert [(line.version_ids, line.cut) for line in lines] == [((0,), False), ((1,), True)]


def test_long_chain_needs_no_recursion():
    """Ten thousand steps are ten thousand lines."""
    edges = _edges(*((number + 1, number) for number in range(3000)))

    lines = draw(0, edges, _names(3001), upstream=True, depth=None)

    assert len(lines) == 3001


def test_circle_ends():
    """Edges never form a circle; if they did, the tree would still end."""
    lines = draw(0, _edges((1, 0), (0, 1)), _names(2), upstream=True, depth=None)

    assert [line.version_ids for line in lines] == [(0,), (1,), (0,)]
