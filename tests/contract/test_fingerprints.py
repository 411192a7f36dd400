"""What a storage says of an object anyway is in the records: its ETag, or the id of its version."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import quote

import fsspec
import pytest

import provfs
from provfs.journal import record
from tests.contract.places import A, X

LARGE = os.urandom(1 << 20) * 6


def accesses(place, name):
    """Return (mode, fingerprint, ranges) of what was recorded of one object."""
    return [
        (item.mode, item.fingerprint, item.ranges)
        for item in place.journal.records()
        if isinstance(item, record.Access) and item.uri.endswith(f"{place.root}/{name}")
    ]


def etag(place, name):
    """Return the fingerprint of what is stored, as the storage says."""
    place.bare.invalidate_cache()
    return f"etag:{place.bare.info(place.at(name))['ETag']}"


def write_by_a_handle(p):
    with p.fs.open(p.at("n"), "wb") as f:
        f.write(A)


def write_in_parts(p):
    with p.fs.open(p.at("n"), "wb", block_size=5 << 20) as f:
        f.write(LARGE)
        f.write(LARGE)


def write_nothing(p):
    p.fs.open(p.at("n"), "wb").close()


def write_in_a_transaction(p):
    with p.fs.transaction, p.fs.open(p.at("n"), "wb") as f:
        f.write(A)


def put_a_large_file(p):
    (p.local / "large").write_bytes(LARGE)
    p.fs.put_file(p.down("large"), p.at("n"), chunksize=5 << 20)


WRITES = {
    "handle": write_by_a_handle,
    "parts": write_in_parts,
    "nothing": write_nothing,
    "transaction": write_in_a_transaction,
    "pipe": lambda p: p.fs.pipe_file(p.at("n"), A),
    "pipe in parts": lambda p: p.fs.pipe_file(p.at("n"), LARGE, chunksize=5 << 20),
    "put": lambda p: p.fs.put_file(p.down("u"), p.at("n")),
    "put in parts": put_a_large_file,
    "touch": lambda p: p.fs.touch(p.at("n")),
    "copy": lambda p: p.fs.cp_file(p.at("a"), p.at("n")),
    "append": lambda p: p.fs.open(p.at("n"), "ab").close(),
}


@pytest.mark.parametrize("way", sorted(WRITES))
def test_what_is_stored_has_the_fingerprint_that_the_storage_gave_it(make_place, way):
    """So that somebody who reads a part of it later is known to have read this version."""
    place = make_place("s3")
    place.fill()

    WRITES[way](place)

    found = accesses(place, "n")
    if way != "append":  # nothing was written
        assert [(mode, state) for mode, state, _ in found] == [("write", etag(place, "n"))]


READS = {
    "handle": lambda p: p.fs.read_block(p.at("a"), 0, 4),
    "cat": lambda p: p.fs.cat_file(p.at("a")),
    "cat in part": lambda p: p.fs.cat_file(p.at("a"), start=2, end=5),
    "ranges": lambda p: p.fs.cat_ranges([p.at("a"), p.at("d/x")], [0, 0], [3, 3]),
    "get": lambda p: p.fs.get_file(p.at("a"), p.down("g")),
}


@pytest.mark.parametrize("way", sorted(READS))
def test_what_is_read_has_the_fingerprint_under_which_it_came(make_place, way):
    """Of several objects that are asked for at once, each its own."""
    place = make_place("s3")
    place.fill()

    READS[way](place)

    assert [state for _, state, _ in accesses(place, "a")] == [etag(place, "a")]


def test_an_asynchronous_handle_has_the_fingerprint_of_its_object(make_place, s3_options):
    """It is told with the first bytes."""
    place = make_place("s3")
    place.fill()

    async def read():
        fs = provfs.wrap(fsspec.filesystem("s3", asynchronous=True, **s3_options))
        session = await fs.set_session()
        f = await fs.open_async(place.at("a"), "rb")
        await f.read(4)
        await f.close()
        await session.close()

    asyncio.run(read())

    assert accesses(place, "a") == [("read", etag(place, "a"), ((0, 4),))]


def test_versions_are_named_where_the_filesystem_knows_them(make_place, s3_options):
    """An older version that is read by its id is that version, under the uri of the object."""
    place = make_place("s3")
    bucket = place.root.replace("/", "-")
    aware = fsspec.filesystem("s3", version_aware=True, **s3_options)
    aware.mkdir(bucket)
    aware.make_bucket_versioned(bucket)
    fs = provfs.wrap(aware)
    path = f"{bucket}/a"
    place.journal.mark()

    for content in (A, X):
        with fs.open(path, "wb") as f:
            f.write(content)
    ids = [entry["VersionId"] for entry in aware.object_version_info(path)][::-1]
    for version_id in ids:
        with fs.open(path, version_id=version_id) as f:
            f.read(3)
        fs.cat_file(f"{path}?versionId={version_id}", start=0, end=3)
    with fs.open(path) as f:
        f.read(3)

    found = [r for r in place.journal.records() if isinstance(r, record.Access)]
    assert {item.uri for item in found} == {f"s3://{path}"}
    states = [f"version:{version_id}" for version_id in ids]
    writes = [item.fingerprint for item in found if item.mode == "write"]
    reads = [item.fingerprint for item in found for _ in range(item.opens) if item.mode == "read"]
    assert writes == states
    assert sorted(reads) == sorted([*states, *states, states[1]])


def test_a_filesystem_that_does_not_care_for_versions_uses_etags(make_place, s3_options):
    """Its listings have no versions, and an object has one fingerprint."""
    place = make_place("s3")
    bucket = place.root.replace("/", "-")
    place.bare.mkdir(bucket)
    place.bare.make_bucket_versioned(bucket)
    path = f"{bucket}/a"
    place.journal.mark()

    place.fs.pipe_file(path, A)
    place.fs.ls(bucket, refresh=True)
    place.fs.open(path).read(3)
    place.fs.invalidate_cache()
    place.fs.open(path).read(4)

    found = [r for r in place.journal.records() if isinstance(r, record.Access)]
    assert {item.fingerprint for item in found} == {f"etag:{place.bare.info(path)['ETag']}"}
    assert quote(path) in found[0].uri
