"""A wrapped filesystem and a bare one, side by side, through any sequence of operations.

Results, errors with their messages, and contents are equal after every step, and whatever digest
the journal gives for a version that is still there is the digest of the stored bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import provfs
from provfs.digest import digest_of_bytes
from provfs.journal import record
from tests.contract.journal import own_journal

NAMES = st.sampled_from(["a", "b", "d/x", "d/y", "d/e/z"])
ANY_NAMES = st.sampled_from(["a", "b", "d", "d/x", "d/y", "d/e", "d/e/z", "missing"])
CONTENTS = st.binary(max_size=64) | st.sampled_from([b"line\n" * 4000, bytes(70_000)])
PLACES = st.one_of(st.none(), st.integers(-20, 70))
_numbers = count(1)


class SideBySide(RuleBasedStateMachine):
    """Two directories of one kind; every operation runs in both."""

    kind = "memory"

    def __init__(self):
        super().__init__()
        self.journal = own_journal()
        self.journal.mark()
        self.directory = Path(tempfile.mkdtemp(prefix="provfs-sides-"))
        self.last_digest: dict[str, str | None] = {}
        number = next(_numbers)
        self.fs, self.root = {}, {}
        for side in ("bare", "side"):
            if self.kind == "memory":
                fs = fsspec.filesystem("memory")
                root = f"/{side}{number:06}"
            else:
                fs = fsspec.filesystem("file", auto_mkdir=True)
                root = str(self.directory / side)
            fs.mkdir(root)
            self.fs[side] = fs if side == "bare" else provfs.wrap(fs)
            self.root[side] = root

    def teardown(self):
        for side, root in self.root.items():
            self.fs[side].rm(root, recursive=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.journal.mark()

    def both(self, operation):
        """Run an operation on each side; their results or their errors must be equal."""
        outcomes = [self._outcome(operation, side) for side in ("bare", "side")]
        assert outcomes[0] == outcomes[1]

    def _outcome(self, operation, side):
        try:
            result = operation(self.fs[side], lambda name: f"{self.root[side]}/{name}", side)
        except Exception as error:  # noqa: BLE001 - whatever the bare one raises is right
            return type(error), self._neutral(str(error), side)
        return "result", self._neutral(repr(result), side)

    def _neutral(self, text, side):
        return text.replace(self.root[side], "ROOT").replace(self.root[side].lstrip("/"), "ROOT")

    @rule(name=NAMES, content=CONTENTS)
    def pipe(self, name, content):
        self.both(lambda fs, at, _: fs.pipe_file(at(name), content))

    @rule(name=NAMES, content=CONTENTS, mode=st.sampled_from(["wb", "ab", "xb", "r+b"]))
    def write(self, name, content, mode):
        def operation(fs, at, _):
            with fs.open(at(name), mode) as f:
                return f.write(content[:5]) + f.write(content[5:])

        self.both(operation)

    @rule(name=NAMES, content=CONTENTS)
    def write_and_seek(self, name, content):
        def operation(fs, at, _):
            with fs.open(at(name), "wb") as f:
                f.write(content)
                f.seek(0)
                f.write(b"!")
                return f.tell()

        self.both(operation)

    @rule(name=NAMES, content=st.text("ab\n", max_size=30))
    def write_text(self, name, content):
        self.both(lambda fs, at, _: fs.write_text(at(name), content))

    @rule(name=ANY_NAMES, size=st.integers(-1, 100), start=st.integers(0, 100))
    def read(self, name, size, start):
        def operation(fs, at, _):
            with fs.open(at(name), "rb") as f:
                f.seek(start)
                return f.read(size), f.tell(), f.read()

        self.both(operation)

    @rule(name=ANY_NAMES)
    def read_lines(self, name):
        def operation(fs, at, _):
            with fs.open(at(name), "rb") as f:
                return f.readline(), list(f)

        self.both(operation)

    @rule(name=ANY_NAMES, start=PLACES, end=PLACES)
    def cat_file(self, name, start, end):
        self.both(lambda fs, at, _: fs.cat_file(at(name), start, end))

    @rule(
        names=st.lists(ANY_NAMES, min_size=1, max_size=3),
        on_error=st.sampled_from(["raise", "omit", "return"]),
    )
    def cat(self, names, on_error):
        self.both(lambda fs, at, _: fs.cat([at(name) for name in names], on_error=on_error))

    @rule(names=st.lists(ANY_NAMES, min_size=1, max_size=3), start=PLACES, end=PLACES)
    def cat_ranges(self, names, start, end):
        count = len(names)
        self.both(
            lambda fs, at, _: fs.cat_ranges(
                [at(name) for name in names], [start] * count, [end] * count, on_error="raise"
            )
        )

    @rule(name=ANY_NAMES, size=st.integers(0, 30))
    def ends(self, name, size):
        self.both(lambda fs, at, _: (fs.head(at(name), size), fs.tail(at(name), size)))

    @rule(name=ANY_NAMES, offset=st.integers(0, 40), length=st.integers(0, 40))
    def block(self, name, offset, length):
        self.both(lambda fs, at, _: fs.read_block(at(name), offset, length, delimiter=b"\n"))

    @rule(contents=st.dictionaries(NAMES, st.binary(max_size=64), min_size=1))
    def pipe_several(self, contents):
        self.both(lambda fs, at, _: fs.pipe({at(name): data for name, data in contents.items()}))

    @rule(name=NAMES, content=CONTENTS, fails=st.booleans())
    def transaction(self, name, content, fails):
        def operation(fs, at, _):
            with fs.transaction, fs.open(at(name), "wb") as f:
                f.write(content)
                if fails:
                    raise KeyError

        self.both(operation)

    @rule(name=ANY_NAMES)
    def mapping(self, name):
        def operation(fs, at, _):
            mapper = fs.get_mapper(at(""))
            return mapper.get(name), sorted(mapper), mapper.getitems([name], on_error="omit")

        self.both(operation)

    @rule(source=ANY_NAMES, to=NAMES)
    def copy(self, source, to):
        self.both(lambda fs, at, _: fs.copy(at(source), at(to)))

    @rule(source=ANY_NAMES, to=NAMES)
    def move(self, source, to):
        self.both(lambda fs, at, _: fs.mv(at(source), at(to)))

    @rule(name=ANY_NAMES, recursive=st.booleans())
    def remove(self, name, recursive):
        self.both(lambda fs, at, _: fs.rm(at(name), recursive=recursive))

    @rule(name=NAMES, truncate=st.booleans())
    def touch(self, name, truncate):
        self.both(lambda fs, at, _: fs.touch(at(name), truncate=truncate))

    @rule(name=ANY_NAMES, recursive=st.booleans())
    def download(self, name, recursive):
        def operation(fs, at, side):
            target = self.directory / f"down-{side}"
            fs.get(at(name), str(target), recursive=recursive)
            found = sorted(p for p in target.rglob("*") if p.is_file()) or [target]
            content = [(str(p.relative_to(target)), p.read_bytes()) for p in found if p.is_file()]
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
            return content

        self.both(operation)

    @rule(name=NAMES, content=CONTENTS)
    def upload(self, name, content):
        source = self.directory / "up"
        source.write_bytes(content)
        self.both(lambda fs, at, _: fs.put_file(str(source), at(name)))

    @rule(name=ANY_NAMES)
    def ask(self, name):
        self.both(
            lambda fs, at, _: (
                fs.exists(at(name)),
                fs.isdir(at(name)),
                fs.isfile(at(name)),
                fs.size(at(name)),
            )
        )

    @invariant()
    def contents_are_equal(self):
        """The same names and the same bytes lie on both sides."""

        def everything(fs, at, _):
            found = fs.find(at(""))
            return {name: fs.cat_file(name) for name in found}

        bare = everything(self.fs["bare"], lambda _: self.root["bare"], "bare")
        side = everything(self.fs["bare"], lambda _: self.root["side"], "side")
        assert {self._neutral(name, "bare"): content for name, content in bare.items()} == {
            self._neutral(name, "side"): content for name, content in side.items()
        }

    @invariant()
    def digests_are_those_of_the_stored_bytes(self):
        """The last version in the journal is what lies there now, or has no digest."""
        prefix = f"{'memory' if self.kind == 'memory' else 'file'}://{self.root['side']}/"
        for item in self.journal.records():
            if isinstance(item, record.Access) and item.mode == "write":
                self.last_digest[item.uri] = item.digest
            elif isinstance(item, record.Rename):
                self.last_digest[item.to] = self.last_digest.pop(item.uri, None)
            elif isinstance(item, record.Remove):
                self.last_digest.pop(item.uri, None)
            else:
                continue
        for uri, digest in self.last_digest.items():
            if not uri.startswith(prefix):
                continue
            path = f"{self.root['side']}/{uri.removeprefix(prefix)}"
            stored = self.fs["bare"].cat_file(path)
            assert digest in {None, str(digest_of_bytes(stored))}, uri


class SideBySideLocal(SideBySide):
    """The same, on the local filesystem."""

    kind = "local"


_SETTINGS = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("machine", [SideBySide, SideBySideLocal], ids=["memory", "local"])
def test_a_wrapped_filesystem_cannot_be_told_from_the_bare_one(machine):
    """Any sequence of operations gives the same on both, and digests that are right."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=_SETTINGS)
