"""The reference pages say what the code does."""

import importlib.util
import re
from pathlib import Path

import msgspec
import pytest

from provfs.journal import record

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
COMMON = "Every record"
RECORDS = {kind.__struct_config__.tag: kind for kind in record.Record.__subclasses__()}


def _generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli", "schema"])
def test_generated_page_is_current(page):
    """The pages of the commands and of the log are what `make docs` writes from the code."""
    expected = getattr(_generator(), f"{page}_page")()

    assert (REFERENCE / f"{page}.md").read_text(encoding="utf-8") == expected, "run `make docs`"


def _documented():
    """Map each heading of the journal page to the fields in the first column of its tables.

    A heading is the tag of a record in backticks, or "Every record"; others are ignored when they
    have no table.
    """
    fields, heading = {}, None
    for line in (REFERENCE / "journal-format.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            text = line.lstrip("# ")
            tag = re.match(r"`(\w+)`", text)
            heading = tag.group(1) if tag else text.strip()
        elif row := re.match(r"\|\s*`(\w+)`\s*\|", line):
            fields.setdefault(heading, []).append(row.group(1))
        elif heading in RECORDS:
            fields.setdefault(heading, [])
    return fields


def test_journal_page_names_every_record_type_and_no_other():
    """The page of the journal format has one section with a table for each type of record."""
    documented = _documented()

    assert set(documented) == {COMMON, *RECORDS}


@pytest.mark.parametrize("tag", sorted(RECORDS))
def test_journal_page_names_every_field_and_no_other(tag):
    """Each field of a record has one row, in the section of its record."""
    own = [field.encode_name for field in msgspec.structs.fields(RECORDS[tag])]
    own.remove("execution")

    assert sorted(_documented().get(tag, [])) == sorted(own)


def test_journal_page_names_what_all_records_share():
    """The type and the execution stand once, in the section "Every record"."""
    assert sorted(_documented().get(COMMON, [])) == ["execution", "type"]
