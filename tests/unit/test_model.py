"""Value types: one text form each, and nothing lost on the way through it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provfs.model import Digest, ExecutionName, Fingerprint, path_of_uri, uri_of_path

NUMBERS = st.integers(min_value=0, max_value=2**63)


@pytest.mark.parametrize(
    "text",
    [
        "xxh3-128:" + "0" * 31,
        "xxh3-128:" + "G" * 32,
        "xxh3-128:" + "A" * 32,
        "sha256:" + "0" * 64,
        "0" * 32,
        "",
    ],
)
def test_digest_refuses_what_is_not_its_text_form(text):
    """A digest with another tag, length or alphabet is no digest, and the error shows it."""
    with pytest.raises(ValueError, match="digest") as caught:
        Digest.parse(text)

    assert repr(text) in str(caught.value)


def test_digest_survives_its_text_form():
    """Parsing what was printed gives the same digest."""
    text = "xxh3-128:" + "0123456789abcdef" * 2

    assert str(Digest.parse(text)) == text
    assert Digest.parse(text).short == "0123456789ab"


@given(st.tuples(*[NUMBERS] * 5))
def test_fingerprint_survives_its_text_form(numbers):
    """Parsing what was printed gives the same fingerprint."""
    fingerprint = Fingerprint(*numbers)

    assert Fingerprint.parse(str(fingerprint)) == fingerprint


def test_fingerprint_of_a_remote_object_is_not_taken_apart():
    """What a remote store says of an object is compared as a whole."""
    assert Fingerprint.parse('etag:"abc"') is None


@given(st.from_regex(r"[0-9a-f]{12}", fullmatch=True), NUMBERS, NUMBERS)
def test_execution_name_survives_its_text_form(boot, pid, start):
    """Parsing what was printed gives the same name."""
    name = ExecutionName(boot, pid, start)

    assert ExecutionName.parse(str(name)) == name


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_uri_of_any_path_leads_back_to_the_path(raw):
    """Every name that a file can have, also one that is not UTF-8, has one uri of valid UTF-8."""
    path = "/" + os.fsdecode(raw)

    uri = uri_of_path(path)

    assert uri.encode("utf-8")
    assert path_of_uri(uri) == path


def test_uri_shows_ordinary_names_as_people_write_them():
    """Blanks and letters of all languages stand in a uri as they are."""
    assert uri_of_path("/data/größe 1.csv") == "file:///data/größe 1.csv"
    assert uri_of_path("/data/100%.csv") == "file:///data/100%25.csv"


def test_path_of_a_remote_uri_does_not_exist():
    """Only local uris have paths."""
    assert path_of_uri("s3://bucket/key") is None
