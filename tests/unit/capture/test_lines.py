"""The plain encoder against the records that readers know."""

from __future__ import annotations

import msgspec
import pytest

from provfs.capture import execution
from provfs.capture.lines import line
from provfs.journal import record

EXAMPLES = [
    record.Journal(
        execution="e",
        format=1,
        provfs="0",
        host="h",
        boot="b",
        clock="boottime",
        at_ns=1,
        offset_ns=-2,
    ),
    record.Execution(
        execution="e",
        program="p",
        host="h",
        pid=1,
        started_ns=2,
        command=("a", 'b"\\\n'),
        cwd="/ä",
        git_dirty=True,
    ),
    record.Opening(execution="e", id=1, uri="file:///a b", opened_ns=1, thread=-3, channel="open"),
    record.Access(
        execution="e",
        id=1,
        uri="file:///ü",
        mode="read",
        opened_ns=1,
        closed_ns=2,
        opens=3,
        ranges=((0, 1), (5, 9)),
        fingerprint="stat:1:2:3:4:5",
        complete=False,
        unstable=True,
        copy_of=7,
        channel="fsspec",
    ),
    record.Rename(execution="e", id=1, uri="file:///a", to="file:///b", at_ns=3, channel="audit"),
    record.Remove(execution="e", id=1, uri="file:///a", at_ns=3, channel="audit"),
    record.Failed(execution="e", id=1, at_ns=2),
    record.Wait(execution="e", child_pid=1, at_ns=2, exit_code=-9, cpu_s=0.25),
    record.Exit(execution="e", at_ns=2, cpu_s=1e-06, lost_records=4),
    record.Gap(execution="e", at_ns=2, kind="k", channel="open"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_line_decodes_to_the_same_record(example: record.Record) -> None:
    """What capture writes without msgspec is what readers expect with it."""
    fields = {
        name: getattr(example, name) for name in example.__struct_fields__ if name != "execution"
    }
    kind = example.__struct_config__.tag

    assert record.decode(line(str(kind), "e", fields)) == example


def test_line_replaces_what_is_no_unicode() -> None:
    """A command line with undecodable bytes still gives a readable record."""
    encoded = line(
        "execution",
        "e",
        {"program": "p", "host": "h", "pid": 1, "started_ns": 1, "command": ("a\udcff",)},
    )

    assert msgspec.json.decode(encoded)["command"] == ["a?"]


def test_line_writes_numbers_of_other_kinds_as_numbers() -> None:
    """Positions and sizes can be integers of NumPy, whose text is no JSON."""

    class Index:
        def __index__(self) -> int:
            return 2**40

    class Count(int):
        def __repr__(self) -> str:
            return f"Count({int(self)})"

    class Seconds(float):
        def __repr__(self) -> str:
            return "Seconds()"

    fields = {"bytes": Index(), "ranges": ((Index(), Count(3)),), "cpu_s": Seconds(0.5)}

    assert msgspec.json.decode(line("access", "e", fields)) == {
        "type": "access",
        "execution": "e",
        "bytes": 2**40,
        "ranges": [[2**40, 3]],
        "cpu_s": 0.5,
    }


def test_format_is_the_one_of_the_journal() -> None:
    """The number that capture writes is the number that the reader checks."""
    assert execution.FORMAT == record.FORMAT
