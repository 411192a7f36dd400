"""Trees are drawn from groups and nothing else."""

from provfs.queries.graph import Group, draw


def _group(*ids, place="file:///d/x", rules=("same-process",), confidence=1.0):
    return Group(place, "dataset", ids, len(ids), None, None, confidence, rules, (1,))


def _below(*pairs):
    """Return what hangs below what, of single versions: (above, below) pairs."""
    below = {}
    for above, far in pairs:
        below.setdefault((above,), []).append(_group(far))
        below.setdefault((far,), [])
    return below


def _shape(lines):
    return [(line.branch, line.group.version_ids) for line in lines]


def test_root_alone_is_one_line():
    """A version without edges stands alone."""
    (line,) = draw(_group(0), {}, depth=None)

    assert (line.branch, line.parent, line.cut, line.repeated) == ("", None, False, False)


def test_branches_show_who_hangs_below_whom():
    """The last of its siblings is drawn with a corner, the others with a tee."""
    lines = draw(_group(0), _below((0, 1), (0, 2), (1, 3)), depth=None)

    assert _shape(lines) == [("", (0,)), ("├─ ", (1,)), ("│  └─ ", (3,)), ("└─ ", (2,))]
    assert [line.parent for line in lines] == [None, 0, 1, 0]


def test_group_met_again_is_not_unfolded_again():
    """A diamond shows its tip twice, and what lies below only once."""
    lines = draw(_group(0), _below((0, 1), (0, 2), (1, 3), (2, 3), (3, 4)), depth=None)

    assert [line.group.version_ids for line in lines] == [(0,), (1,), (3,), (4,), (2,), (3,)]
    assert [line.repeated for line in lines] == [False] * 5 + [True]


def test_group_with_something_new_is_unfolded():
    """Many versions of which one was shown already still show what hangs below the others."""
    many = _group(1, 2)
    below = {(0,): [_group(1), many], (1,): [_group(3)], (1, 2): [_group(3), _group(4)]}

    lines = draw(_group(0), below, depth=None)

    assert [line.group.version_ids for line in lines] == [(0,), (1,), (3,), (1, 2), (3,), (4,)]


def test_depth_cuts_with_a_mark():
    """What is left out is marked where it would hang."""
    lines = draw(_group(0), _below((0, 1), (1, 2)), depth=1)

    assert [(line.group.version_ids, line.cut) for line in lines] == [((0,), False), ((1,), True)]


def test_long_chain_needs_no_recursion():
    """Three thousand steps are three thousand lines."""
    lines = draw(_group(0), _below(*((n, n + 1) for n in range(3000))), depth=None)

    assert len(lines) == 3001


def test_circle_ends():
    """Edges never form a circle; if they did, the tree would still end."""
    lines = draw(_group(0), _below((0, 1), (1, 0)), depth=None)

    assert [line.group.version_ids for line in lines] == [(0,), (1,), (0,)]
