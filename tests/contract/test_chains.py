"""Urls that put `prov` above or below other filesystems: archives, caches, lists of files."""

from __future__ import annotations

import zipfile

import fsspec
import pytest
from fsspec.core import open_local

import provfs
from tests.contract.journal import absent, whole
from tests.contract.places import A, X

MEMBER = b"in the archive"
pytest.importorskip("fsspec.implementations.chained", reason="this fsspec cannot chain `prov`")
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",  # fsspec's `blockcache` leaves its map open
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
CACHES = ("simplecache", "filecache", "blockcache")
CACHE_FILE = "the file of the cache is recorded as a copy"
BROKEN = "hits of a wrapped cache are not recorded under the origin"
FINDINGS = {
    ("test_a_wrapped_archive_gives_its_members",): "a ZipExtFile is not followed",
    ("test_members_of_two_archives_are_two_artifacts",): (
        "the uri of a member does not name its archive"
    ),
    **{("test_a_cache_above_capture_reads_the_origin", c): CACHE_FILE for c in CACHES[:2]},
    **{("test_capture_above_a_cache_reads_the_origin_each_time", c): BROKEN for c in CACHES},
}


@pytest.fixture(autouse=True)
def _finding(request, finding):
    """Mark what is known to fail, by test and parameters."""
    params = getattr(request.node, "callspec", None)
    values = () if params is None else params.params.values()
    finding(FINDINGS, (request.node.originalname, *values))


@pytest.fixture
def archive(make_place):
    """Return a local place with an archive of two members, and its bytes."""
    place = make_place("local")
    place.fill()
    with zipfile.ZipFile(place.at("z.zip"), "w") as packed:
        packed.writestr("m.csv", MEMBER)
        packed.writestr("other.csv", b"x" * 200_000)
    place.journal.mark()
    return place


def test_a_member_of_an_archive_on_a_wrapped_filesystem_is_a_read_of_the_archive(archive):
    """`zip::prov::…` reads the archive, whose bytes are seen."""
    url = f"zip://m.csv::prov::file://{archive.at('z.zip')}"

    with fsspec.open(url) as f:
        assert f.read() == MEMBER

    facts = archive.facts()
    assert [(fact.what, fact.name) for fact in facts] == [("read", "z.zip")]
    assert facts[0] in (
        whole("read", "z.zip", archive.stored("z.zip")),
        absent("read", "z.zip"),
    ) or facts[0].content.startswith("part ")


def test_a_wrapped_archive_gives_its_members(archive):
    """`prov::zip://…` reads a member with its own digest."""
    with fsspec.open(f"prov::zip://m.csv::file://{archive.at('z.zip')}") as f:
        assert f.read() == MEMBER

    facts = archive.facts()
    assert len(facts) == 1
    assert facts[0].what == "read"
    assert facts[0].content == whole("read", "", MEMBER).content
    assert facts[0].name.endswith("m.csv")


def test_members_of_two_archives_are_two_artifacts(make_place):
    """The uri of a member says which archive it lies in."""
    place = make_place("local")
    for name in ("one", "two"):
        with zipfile.ZipFile(place.at(f"{name}.zip"), "w") as packed:
            packed.writestr("m.csv", MEMBER)
    place.journal.mark()

    for name in ("one", "two"):
        with fsspec.open(f"prov::zip://m.csv::file://{place.at(name)}.zip") as f:
            assert f.read() == MEMBER

    assert len({fact.name for fact in place.facts()}) == 2


@pytest.mark.parametrize("cache", CACHES)
def test_a_cache_above_capture_reads_the_origin(make_place, s3_options, tmp_path, cache):
    """The cache is filled with one read of the origin; the cache file is no artifact."""
    place = make_place("s3")
    place.fill()
    options = {"s3": s3_options, cache: {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(2):
        with fsspec.open(f"{cache}::prov::s3://{place.at('a')}", **options) as f:
            assert f.read() == A

    names = {(fact.what, fact.name) for fact in place.facts()}
    assert {name for name in names if name[0] == "read"} == {("read", "a")}
    assert [name for name in names if "cache/" in name[1]] == []


@pytest.mark.parametrize("cache", CACHES)
def test_capture_above_a_cache_reads_the_origin_each_time(make_place, s3_options, tmp_path, cache):
    """Hits of the cache are reads of the origin, too; the cache file is no artifact."""
    place = make_place("s3")
    place.fill()
    options = {"s3": s3_options, cache: {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(2):
        with fsspec.open(f"prov::{cache}::s3://{place.at('a')}", **options) as f:
            assert f.read() == A

    facts = place.facts()
    assert [(fact.what, fact.name) for fact in facts] == [("read", "a")] * 2
    assert {fact.content for fact in facts} <= {whole("read", "a", A).content, "absent"}


def test_a_write_through_a_cache_is_one_version_of_the_target(make_place, s3_options, tmp_path):
    """`simplecache` uploads at the close."""
    place = make_place("s3")
    options = {"s3": s3_options, "simplecache": {"cache_storage": str(tmp_path / "cache")}}

    with fsspec.open(f"simplecache::prov::s3://{place.at('n')}", "wb", **options) as f:
        f.write(A)

    assert place.stored("n") == A
    written = [fact for fact in place.facts() if fact.what == "write"]
    assert written == [whole("write", "n", A)]


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


def test_a_local_copy_for_other_programs_is_a_read_of_the_origin(make_place, s3_options, tmp_path):
    """`open_local` hands out the path of a cache file."""
    place = make_place("s3")
    place.fill()
    options = {"s3": s3_options, "simplecache": {"cache_storage": str(tmp_path / "cache")}}

    path = open_local(f"simplecache::prov::s3://{place.at('a')}", **options)

    with open(path, "rb") as f:
        assert f.read() == A
    facts = [fact for fact in place.facts() if fact.what == "read"]
    assert [fact.name for fact in facts] == ["a"]


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
