"""What hangs below a version, and what stands for many files, out of a recorded log."""

import hashlib

import pytest

from provfs.config import Settings
from provfs.ingest import ingest
from provfs.log import store
from provfs.queries.folding import DOWNSTREAM, UPSTREAM, unfold
from provfs.queries.lineage import find_version
from tests import builders as b

SECOND = 10**9


@pytest.fixture
def record(home):
    """Return a function that records a program that reads some files and then writes others."""

    def step(pid, reads, writes):
        at_ns = pid * SECOND
        records = [b.execution(pid, at_ns)]
        for id_, name in enumerate(reads):
            state = b.fingerprint(hash(name) % 99999, 1, 1)
            records.append(
                b.read(pid, id_, name, at_ns + 1, at_ns + 2, fingerprint=state, content=name,
                       size_bytes=1)
            )  # fmt: skip
        for id_, name in enumerate(writes, start=len(reads)):
            state = b.fingerprint(hash(name) % 99999, 1, 1)
            records += [
                b.opening(pid, id_, name, at_ns + 3),
                b.write(pid, id_, name, at_ns + 3, at_ns + 4 + id_, fingerprint=state, content=name,
                        size_bytes=1),
            ]  # fmt: skip
        b.write_journal(home, pid, [*records, b.exit_(pid, at_ns + SECOND // 2)])

    return step


@pytest.fixture
def folded(home):
    """Return a function that gives the groups below a named version, first level only."""

    def ask(name, direction=UPSTREAM, least_confidence=0.5):
        settings = Settings(home=home)
        ingest(settings)
        with store.reader(settings.log_path) as connection:
            root = (find_version(connection, name).version_id,)
            below = unfold(
                connection, [root], direction, depth=1, least_confidence=least_confidence
            )
        return below[root]

    return ask


def _places(groups):
    return [(group.place.removeprefix("file:///work/"), group.files) for group in groups]


def test_few_files_stand_alone(record, folded):
    """Ten files of a directory are ten lines."""
    record(1, [f"d/{n}.csv" for n in range(10)], ["x.bin"])

    assert _places(folded("x.bin")) == [(f"d/{n}.csv", 1) for n in range(10)]


def test_many_files_of_a_directory_are_one_group_with_a_tree_digest(record, folded):
    """The digest is that of a text which anybody can write: digest, two spaces, path."""
    names = [f"d/{n:02}.csv" for n in range(12)]
    record(1, names, ["x.bin"])

    (group,) = folded("x.bin")

    text = "".join(f"{b.digest_of(name)}  {name.removeprefix('d/')}\n" for name in names)
    expected = "tree-sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert (group.place, group.files, group.size_bytes) == ("file:///work/d/", 12, 12)
    assert group.digest == expected


def test_many_directories_are_one_group(record, folded):
    """A dataset of directories with few files each is folded where they branch."""
    record(1, [f"d/{n}/{m}.png" for n in range(11) for m in range(3)], ["x.bin"])

    assert _places(folded("x.bin")) == [("d/", 33)]


def test_other_kinds_and_other_directories_keep_their_lines(record, folded):
    """A model among many data files, and a file beside them, are not folded with them."""
    record(1, [*(f"d/{n}.csv" for n in range(11)), "d/base.pt", "e/one.csv"], ["x.bin"])

    assert _places(folded("x.bin")) == [("d/", 11), ("d/base.pt", 1), ("e/one.csv", 1)]


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (["s.zarr/.zattrs", "s.zarr/a/0.0", "s.zarr/a/0.1"], "s.zarr/"),
        (["t/year=2020/m=1/p.parquet", "t/year=2021/m=2/p.parquet"], "t/"),
        (["out.parquet/part-00000-ab.snappy.parquet", "out.parquet/_SUCCESS"], "out.parquet/"),
        (["run/checkpoint-500/model.safetensors", "run/checkpoint-500/config.json"],
         "run/checkpoint-500/"),
        (["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"],
         "m-*-of-00002.safetensors"),
        (["d/part-00000.csv", "d/part-00001.csv"], "d/part-*.csv"),
    ],
)  # fmt: skip
def test_datasets_checkpoints_and_shards_are_one(record, folded, names, place):
    """What people think of as one is one from two files on."""
    record(1, names, ["x.bin"])

    assert _places(folded("x.bin")) == [(place, len(names))]


def test_single_shard_keeps_its_name(record, folded):
    """One file of a series is that file."""
    record(1, ["d/part-00000.csv"], ["x.bin"])

    assert _places(folded("x.bin")) == [("d/part-00000.csv", 1)]


def test_many_outputs_are_folded_downstream(record, folded):
    """The other direction folds in the same way."""
    record(1, ["raw.csv"], [f"out/{n}.csv" for n in range(20)])

    assert _places(folded("raw.csv", DOWNSTREAM)) == [("out/", 20)]


def test_group_has_the_weakest_confidence_and_all_rules(record, folded, home):
    """Nothing that is weak hides behind something strong."""
    record(1, [f"d/{n}.csv" for n in range(11)], [])
    at_ns = 2 * SECOND
    child = b.execution(2, at_ns, parent=1)
    records = [child, b.read(2, 0, "d/z.csv", at_ns + 1, at_ns + 2, fingerprint="f", content="z")]
    records += [
        b.opening(2, 1, "x.bin", at_ns + 3),
        b.write(2, 1, "x.bin", at_ns + 3, at_ns + 4, fingerprint="g", content="x", size_bytes=1),
    ]
    b.write_journal(home, 2, records)

    (group,) = folded("x.bin")

    assert (list(group.rules), group.confidence) == (["parent", "same-process"], 0.6)
    assert list(group.execution_ids) == [2]


def test_inputs_of_many_are_those_of_all(record, folded, home):
    """What hangs below a group is found from its last members, and nothing is left out."""
    record(1, [f"a/{n}.csv" for n in range(3)], [f"p/{n}.npy" for n in range(12)])
    record(2, [f"p/{n}.npy" for n in range(12)], ["x.bin"])
    (parts,) = folded("x.bin")
    with store.reader(home / "lineage.duckdb") as connection:
        below = unfold(
            connection, [parts.version_ids], UPSTREAM, depth=1, least_confidence=0.5
        )[parts.version_ids]  # fmt: skip
        ids = ", ".join(map(str, parts.version_ids))
        edges = store.fetch(
            connection, f"SELECT DISTINCT input_uri FROM edges WHERE output_version_id IN ({ids})"
        ).rows

    assert {group.place for group in below} == {uri for (uri,) in edges}


def test_weak_evidence_is_left_out_below_the_bound(record, folded, home):
    """What a parent had read is less sure, and stays out where more is asked for."""
    record(1, ["params.csv"], [])
    at_ns = 2 * SECOND
    child = b.execution(2, at_ns, parent=1)
    written = b.write(2, 1, "x.bin", at_ns, at_ns + 4, fingerprint="g", content="x", size_bytes=1)
    b.write_journal(home, 2, [child, b.opening(2, 1, "x.bin", at_ns), written])

    assert _places(folded("x.bin", least_confidence=0.6)) == [("params.csv", 1)]
    assert _places(folded("x.bin", least_confidence=0.7)) == []
