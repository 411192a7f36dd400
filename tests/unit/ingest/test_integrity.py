"""Log, journals and files are compared, and the log is made anew from the journals."""

import os

import duckdb
import pytest

from provfs.errors import IntegrityError
from provfs.ingest import ingest, rebuild, verify
from provfs.ingest.ended import INGESTED
from provfs.ingest.integrity import facts
from provfs.log import store
from tests import builders as b


@pytest.fixture
def journal(put, settings):
    """Return a journal that is ingested: A was read, B written."""
    path = put(
        1,
        b.execution(1, 10),
        b.read(1, 1, "a", 20, 21, fingerprint=b.fingerprint(1, 3, 5), content="aaa"),
        b.write(1, 2, "b", 30, 31, fingerprint=b.fingerprint(2, 3, 30), content="bbb"),
    )
    ingest(settings)
    return path


def _reasons(settings):
    return {(f.kind, f.reason) for f in verify(settings, with_files=False).findings}


def test_untouched_log_and_journals_agree(journal, settings, put):
    """Nothing disagrees, also when a journal was taken in several pieces."""
    put(1, b.read(1, 3, "c", 40, 41, fingerprint=b.fingerprint(3, 3, 6), content="ccc"))
    ingest(settings)

    result = verify(settings, with_files=False)

    assert result.findings == ()
    assert result.journals == 1
    assert result.seal == verify(settings, with_files=False).seal
    assert not [name for name in os.listdir(settings.home) if name.startswith("rebuild-")]


def test_edited_journal_is_found(journal, settings):
    """One byte that is another one is a disagreement, with the name of the journal."""
    journal.write_bytes(journal.read_bytes().replace(b"aaa", b"axa").replace(b'/a"', b'/z"'))

    assert _reasons(settings) == {("journal", "was changed after it was ingested")}


@pytest.fixture
def moved(put, settings, journal):
    """Ingest a second program: it moves B to D and copies A to C."""
    put(
        2,
        b.execution(2, 40),
        b.rename(2, 1, "b", "d", 50, fingerprint=b.fingerprint(2, 3, 30)),
        b.read(2, 2, "a", 51, 52, fingerprint=b.fingerprint(1, 3, 5), content="aaa"),
        b.write(2, 3, "c", 53, 54, fingerprint=b.fingerprint(4, 3, 53), content="aaa"),
        b.exit_(2, 60),
    )
    ingest(settings)


EDITS = (
    ("reads", "DELETE FROM store.reads"),
    ("reads", "UPDATE store.reads SET version_id = 1"),
    ("writes", "UPDATE store.writes SET closed_ns = closed_ns + 1"),
    ("executions", "INSERT INTO store.executions (execution_id, name) VALUES (9, 'x-1-1')"),
    ("executions", "UPDATE store.executions SET command = ['true']"),
    ("executions", "UPDATE store.executions SET user_name = 'eve'"),
    ("versions", "UPDATE store.versions SET digest = 'xxh3-128:0' WHERE version_id = 1"),
    ("links", "DELETE FROM store.links WHERE rule = 'rename'"),
    ("links", "UPDATE store.links SET confidence = 0.1"),
    ("relations", "DELETE FROM store.relations WHERE program_id = 2"),
    ("exits", "UPDATE store.exits SET exit_code = 1"),
    ("endings", "DELETE FROM store.endings"),
)


def test_every_edit_differs_in_its_table(moved, settings):
    """A row that is missing, other or added is another content of that table and of no other."""
    with store.writer(settings.log_path) as connection:
        before = facts(connection)
        for table, statement in EDITS:
            connection.execute("BEGIN")
            connection.execute(statement)
            after = facts(connection)
            connection.execute("ROLLBACK")
            assert [name for name in before if after[name] != before[name]] == [table], statement


def test_edited_log_is_found(moved, settings):
    """A command that is another one is a disagreement with the journals, with its table's name."""
    assert verify(settings, with_files=False).findings == ()
    with duckdb.connect(str(settings.log_path)) as connection:
        connection.execute("UPDATE store.executions SET command = ['true']")

    found = verify(settings, with_files=False).findings

    assert [(finding.kind, finding.what) for finding in found] == [("log", "executions")]


def test_edited_uri_is_found_and_rebuilt(moved, settings):
    """A uri stands in one place, and all that happened to it with it; a rebuild puts it right."""
    with duckdb.connect(str(settings.log_path)) as connection:
        connection.execute("UPDATE store.artifacts SET uri = 'file:///work/z' WHERE uri LIKE '%/a'")

    found = {finding.what for finding in verify(settings, with_files=False).findings}

    assert {"artifacts", "versions", "reads"} <= found
    rebuild(settings)
    assert verify(settings, with_files=False).findings == ()


def test_file_with_other_content_is_found(put, settings, tmp_path):
    """The newest version of a file that is there is compared with its content."""
    same, other = tmp_path / "same.csv", tmp_path / "other.csv"
    same.write_text("1")
    other.write_text("2")
    records = [b.execution(1, 10)]
    for number, path in enumerate((same, other)):
        state = path.stat()
        stamp = f"stat:{state.st_dev}:{state.st_ino}:1:{state.st_mtime_ns}:{state.st_ctime_ns}"
        record = b.read(1, number + 1, "x", 20, 21, fingerprint=stamp)
        records.append(type(record)(**{**_fields(record), "uri": path.as_uri()}))
    put(1, *records)
    ingest(settings)
    other.write_text("3")

    result = verify(settings)

    assert [(f.kind, f.what) for f in result.findings] == [("file", other.as_uri())]
    assert result.files == 2


def test_rebuild_keeps_digests_that_only_the_old_log_knows(put, settings, tmp_path, rows):
    """A file that was hashed at ingest and is gone since keeps its digest."""
    path = tmp_path / "gone.csv"
    path.write_text("1")
    state = path.stat()
    stamp = f"stat:{state.st_dev}:{state.st_ino}:1:{state.st_mtime_ns}:{state.st_ctime_ns}"
    record = b.read(1, 1, "x", 20, 21, fingerprint=stamp)
    put(1, b.execution(1, 10), type(record)(**{**_fields(record), "uri": path.as_uri()}))
    ingest(settings)
    before = rows("SELECT uri, digest FROM versions")
    path.unlink()

    rebuild(settings)

    assert before[0][1] is not None
    assert rows("SELECT uri, digest FROM versions") == before


def test_rebuild_puts_late_writers_right(put, settings, rows):
    """A rename whose writer came in a later ingest has that writer afterwards."""
    moved = b.fingerprint(2, 3, 30)
    put(
        2,
        b.execution(2, 40),
        b.rename(2, 1, "b.tmp", "b", 50, fingerprint=moved),
    )
    ingest(settings)
    put(
        1,
        b.execution(1, 10),
        b.write(1, 1, "b.tmp", 30, 31, fingerprint=moved, content="bbb"),
    )
    ingest(settings)

    rebuild(settings)

    found = rows("SELECT input_uri, output_uri, rule FROM edges")
    assert found == [("b.tmp", "b", "rename")]
    assert rows("SELECT execution_id IS NULL FROM versions WHERE uri LIKE '%b.tmp'") == [(False,)]


def test_rebuild_refuses_where_a_journal_is_gone(journal, settings, rows):
    """The old log stays where it knows more than the journals that are left."""
    before = rows("SELECT count(*) FROM accesses")
    aside = settings.journal_directory / INGESTED / journal.name
    (journal if journal.exists() else aside).unlink()

    with pytest.raises(IntegrityError, match="is gone"):
        rebuild(settings)

    assert rows("SELECT count(*) FROM accesses") == before


def _fields(record):
    return {name: getattr(record, name) for name in record.__struct_fields__}
