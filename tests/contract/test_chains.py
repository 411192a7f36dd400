"""Urls that put `prov` above or below other filesystems: caches, directories, lists of files."""

from __future__ import annotations

import contextlib
import gzip

import fsspec
import pytest
from fsspec.core import open_local

import provfs
from provfs.digest import digest_of_bytes
from tests.contract.journal import absent, part, whole
from tests.contract.places import A, X

pytest.importorskip("fsspec.implementations.chained", reason="this fsspec cannot chain `prov`")
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",  # fsspec's `blockcache` leaves its map open
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
CACHES = ("simplecache", "filecache", "blockcache")


@pytest.mark.parametrize("cache", CACHES)
def test_a_cache_above_capture_reads_the_origin(make_place, s3_options, tmp_path, cache):
    """Filling the cache and each hit are one read of the origin; the cache file is no artifact."""
    place = make_place("s3")
    place.fill()
    options = {"s3": s3_options, cache: {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(3):
        with fsspec.open(f"{cache}::prov::s3://{place.at('a')}", **options) as f:
            assert f.read() == A

    assert place.facts() == [whole("read", "a", A)] * 3


def test_a_cache_above_a_bare_filesystem_comes_to_nobody(make_place, tmp_path):
    """Wrapping one filesystem captures no other one, neither through a cache."""
    place = make_place("local")
    place.fill()
    options = {"simplecache": {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(2):
        with fsspec.open(f"simplecache::file://{place.at('a')}", **options) as f:
            assert f.read() == A

    assert place.facts() == []


@pytest.mark.parametrize("cache", CACHES)
def test_capture_above_a_cache_reads_the_origin_each_time(make_place, s3_options, tmp_path, cache):
    """Hits of the cache are reads of the origin, too; the cache file is no artifact."""
    place = make_place("s3")
    place.fill()
    options = {"s3": s3_options, cache: {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(3):
        with fsspec.open(f"prov::{cache}::s3://{place.at('a')}", **options) as f:
            assert f.read() == A

    assert place.facts() == [whole("read", "a", A)] * 3


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("target", ["local", "memory", "s3"])
def test_every_way_to_read_a_cache_is_one_read_of_the_origin(
    make_place, s3_options, tmp_path, cache, target
):
    """Whole contents, ranges, lists of files; twice, so that the second is a hit."""
    if cache == "blockcache" and target != "s3":
        pytest.skip("fsspec's `blockcache` cannot close handles of this kind")
    place = make_place(target)
    place.fill()
    options = {"target_protocol": "file" if target == "local" else target}
    options["target_options"] = s3_options if target == "s3" else {}
    bare = fsspec.filesystem(cache, cache_storage=str(tmp_path / "cache"), **options)
    fs = provfs.wrap(bare)
    files = fsspec.core.OpenFiles([fsspec.core.OpenFile(fs, place.at("a"))], fs=fs)
    ways = {
        "cat_file": (lambda: fs.cat_file(place.at("a")), A),
        "cat": (lambda: fs.cat([place.at("a")]), {place.at("a"): A}),
        "open_many": (lambda: read_all(files), [A]),
        "open": (lambda: read_all([fsspec.core.OpenFile(fs, place.at("a"))]), [A]),
    }

    if cache == "blockcache":
        del ways["open_many"]  # only for whole files

    for way, (read, expected) in ways.items():
        for _ in range(2):
            assert read() == expected, way
            assert place.facts() == [whole("read", "a", A)], way
    assert fs.cat_ranges([place.at("a")] * 2, [0, 4], [2, 6]) == [A[:2], A[4:6]]
    assert [(fact.what, fact.name) for fact in place.facts()] == [("read", "a")]


@pytest.mark.parametrize("order", ["prov::simplecache", "simplecache::prov", "prov::filecache"])
@pytest.mark.parametrize("way", ["open", "cat"])
def test_a_copy_that_is_older_than_its_origin_is_the_version_that_came_down(
    make_place, tmp_path, order, way
):
    """Its own state ties each hit to the read that filled the cache; no storage is asked."""
    place = make_place("memory")
    place.fill()
    cache = order.replace("prov", "").strip(":")
    options = {cache: {"cache_storage": str(tmp_path / "cache")}}
    fs, path = fsspec.core.url_to_fs(f"{order}::memory:/{place.at('a')}", **options)

    def read():
        return fs.cat_file(path) if way == "cat" else read_all([fsspec.core.OpenFile(fs, path)])[0]

    states = []
    for content in (A, X, None):
        if content:
            place.store("a", content)
        if content is None:
            fs.clear_cache()
        assert read() == (A if content else X)
        states.append({r.fingerprint for r in place.journal.records() if hasattr(r, "mode")})

    assert all(str(state).startswith("{'copy:") for state in states)
    assert states[0] == states[1] != states[2]


def test_blocks_that_may_be_old_are_not_taken_for_the_version_of_now(
    make_place, s3_options, tmp_path
):
    """The storage names a state when the object is opened, and the cache has bytes of before."""
    place = make_place("s3")
    place.fill()
    options = {"target_protocol": "s3", "target_options": s3_options}
    fs = provfs.wrap(
        fsspec.filesystem("blockcache", cache_storage=str(tmp_path / "cache"), **options)
    )
    found = []
    for _ in range(2):
        with fs.open(place.at("a")) as f:
            assert f.read() == A
        place.store("a", A[::-1])
        fs.invalidate_cache()
        found += [r for r in place.journal.records() if hasattr(r, "mode")]

    assert [r.digest for r in found] == [str(digest_of_bytes(A))] * 2
    assert not str(found[1].fingerprint).startswith("etag:")


def read_all(files):
    """Return the contents of files that are opened together."""
    with contextlib.ExitStack() as stack:
        if isinstance(files, fsspec.core.OpenFiles):
            found = [stack.enter_context(f) for f in stack.enter_context(files)]
            return [f.read() for f in found]
        return [stack.enter_context(file).read() for file in files]


def test_a_cache_that_unpacks_has_no_digest_of_the_origin(make_place, tmp_path):
    """What the cache holds are other bytes than those of the origin."""
    place = make_place("local")
    place.store("a.gz", gzip.compress(A))
    options = {"simplecache": {"cache_storage": str(tmp_path / "cache"), "compression": "gzip"}}

    for _ in range(2):
        with fsspec.open(f"prov::simplecache::file://{place.at('a.gz')}", **options) as f:
            assert f.read() == A

    assert place.facts() == [absent("read", "a.gz")] * 2


@pytest.mark.parametrize("order", ["prov::simplecache", "simplecache::prov"])
@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
def test_a_write_through_a_cache_is_one_version_of_the_target(
    make_place, s3_options, tmp_path, order, kind
):
    """`simplecache` uploads at the close; its own file is no artifact."""
    place = make_place(kind)
    options = {"s3": s3_options, "simplecache": {"cache_storage": str(tmp_path / "cache")}}
    protocol = {"local": "file"}.get(kind, kind)

    with fsspec.open(f"{order}::{protocol}://{place.at('n')}", "wb", **options) as f:
        f.write(A)

    assert place.stored("n") == A
    assert place.facts() == [whole("write", "n", A)]


def test_a_failed_write_through_a_cache_is_incomplete(make_place, tmp_path):
    """What an exception leaves in the cache goes up, as without capture, and is marked."""
    place = make_place("memory")
    options = {"simplecache": {"cache_storage": str(tmp_path / "cache")}}

    with (  # noqa: PT012 - a job
        pytest.raises(KeyError),
        fsspec.open(f"prov::simplecache::memory:/{place.at('n')}", "wb", **options) as f,
    ):
        f.write(A)
        raise KeyError

    assert place.stored("n") == A
    assert [(fact.what, fact.name) for fact in place.facts()] == [("incomplete", "n")]


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_a_change_through_a_cache_is_a_read_and_a_write(make_place, tmp_path, mode):
    """The version before comes down, and what was changed goes up."""
    if fsspec.__version__ < "2026":
        pytest.skip("this version of fsspec changes only the file of the cache")
    place = make_place("memory")
    place.fill()
    options = {"simplecache": {"cache_storage": str(tmp_path / "cache")}}

    with fsspec.open(f"prov::simplecache::memory:/{place.at('a')}", mode, **options) as f:
        f.write(X)

    stored = A + X if mode == "ab" else X + A[len(X) :]
    assert place.stored("a") == stored
    assert place.facts() == sorted([whole("read", "a", A), whole("write", "a", stored)], key=str)


def test_a_transaction_of_a_cache_stores_at_its_end(make_place, tmp_path):
    """A cache uploads what was written in a transaction when that ends well."""
    place = make_place("memory")
    place.fill()
    fs = fsspec.filesystem(
        "prov",
        target_protocol="simplecache",
        target_options={"target_protocol": "memory", "cache_storage": str(tmp_path / "cache")},
    )

    with fs.transaction:
        with fs.open(place.at("n"), "wb") as f:
            f.write(A)
        assert place.facts() == []

    assert place.stored("n") == A
    assert place.facts() == [whole("write", "n", A)]


def test_references_are_reads_of_their_targets(make_place):
    """A reference filesystem gives pieces of files under names of its own."""
    place = make_place("memory")
    place.fill()
    references = {
        "whole": [f"memory:/{place.at('a')}"],
        "piece": [f"memory:/{place.at('d/x')}", 3, 5],
    }
    fs = provfs.wrap(
        fsspec.filesystem("reference", fo=references, remote_protocol="memory", asynchronous=False)
    )

    assert fs.cat_file("whole") == A
    assert fs.cat_file("piece") == X[3:8]

    assert place.facts() == sorted([whole("read", "a", A), part("d/x", (3, 8))], key=str)


@pytest.mark.parametrize("layer", ["above", "below"])
def test_a_directory_filesystem_gives_the_uris_of_its_target(make_place, layer):
    """`dir::` above or below capture: the same file, once."""
    place = make_place("local")
    place.fill()
    dir_class = fsspec.get_filesystem_class("dir")
    fs = (
        provfs.wrap(dir_class(path=place.root, fs=place.bare))
        if layer == "above"
        else dir_class(path=place.root, fs=place.fs)
    )

    with fs.open("a") as f:
        assert f.read() == A
    fs.pipe_file("n", X)

    assert place.facts() == sorted([whole("read", "a", A), whole("write", "n", X)], key=str)


def test_lists_of_files_with_globs_are_read_one_by_one(make_place):
    """`open_files` finds and reads through capture."""
    place = make_place("local")
    place.fill()

    files = fsspec.open_files(f"prov::file://{place.at('d')}/*")
    content = []
    for file in files:
        with file as f:
            content.append(f.read())

    assert sorted(content) == sorted([X, b"second"])
    assert place.facts() == sorted(
        [whole("read", "d/x", X), whole("read", "d/y", b"second")], key=str
    )


def test_several_files_are_written_by_one_call(make_place):
    """`open_files` with a pattern for writing gives as many versions."""
    place = make_place("memory")

    with fsspec.open_files(f"prov::memory:/{place.root}/part-*.csv", "wb", num=3) as files:
        for f in files:
            f.write(X)

    assert place.facts() == [whole("write", f"part-{n}.csv", X) for n in range(3)]


@pytest.mark.parametrize("order", ["simplecache::prov", "prov::simplecache"])
def test_a_local_copy_for_other_programs_is_a_read_of_the_origin(
    make_place, s3_options, tmp_path, order
):
    """`open_local` hands out the path of a cache file, whether it was there or came down."""
    place = make_place("s3")
    place.fill()
    options = {"s3": s3_options, "simplecache": {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(2):
        path = open_local(f"{order}::s3://{place.at('a')}", **options)
        with open(path, "rb") as f:
            assert f.read() == A

    assert place.facts() == [whole("read", "a", A)] * 2


def test_text_and_compression_in_a_url_are_as_without_capture(make_place):
    """`fsspec.open` looks at the name and the mode, above capture."""
    place = make_place("local")
    url = f"prov::file://{place.at('t.csv.gz')}"

    with fsspec.open(url, "wt", compression="infer") as f:
        f.write("a,b")
    with fsspec.open(url, "rt", compression="infer") as f:
        assert f.read() == "a,b"

    stored = place.stored("t.csv.gz")
    assert place.facts() == [whole("read", "t.csv.gz", stored), whole("write", "t.csv.gz", stored)]
