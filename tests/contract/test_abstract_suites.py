"""fsspec's own suites for filesystems, with the same outcome on the bare and the wrapped one.

Every test runs twice. What fails on a bare filesystem is listed in `BARE_FAILS` and must fail on
the wrapped one as well; everything else must pass on both.
"""

from __future__ import annotations

import os
from itertools import count

import fsspec
import fsspec.tests.abstract as suites
import pytest

import provfs
from tests.contract.journal import own_journal

_numbers = count(1)
pytestmark = pytest.mark.filterwarnings(
    "ignore:Class-scoped fixture",  # the suites of fsspec 2025.10 are older than pytest 9
)


@pytest.fixture(scope="class", params=["bare", "wrapped"])
def seen(request):
    """Return what a filesystem becomes in this run: itself, or wrapped."""
    own_journal()
    return provfs.wrap if request.param == "wrapped" else lambda fs: fs


@pytest.fixture
def known_failure(request):
    """Mark what fails on the bare filesystem already; strict, on both."""
    reason = BARE_FAILS.get((request.node.cls.__name__, request.node.originalname))
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


BARE_FAILS = {
    ("TestS3Open", "test_open_exclusive"): "s3fs takes `xb` for `wb`",
}
"""(suite, test) -> why fsspec itself fails there."""


class Fixtures(suites.AbstractFixtures):
    """What the suites ask for, on every filesystem."""

    @pytest.fixture(autouse=True)
    def _known_failure(self, known_failure):
        """Let the outcome of the bare filesystem be the expected one."""


class Local(Fixtures):
    """The local filesystem."""

    @pytest.fixture
    def fs(self, seen):
        return seen(fsspec.filesystem("file", auto_mkdir=True))

    @pytest.fixture
    def fs_path(self, tmpdir):
        return str(tmpdir / "remote")

    @pytest.fixture
    def local_path(self, tmpdir):
        return tmpdir / "local"


class Memory(Fixtures):
    """The filesystem in memory."""

    @pytest.fixture
    def fs(self, seen):
        return seen(fsspec.filesystem("memory"))

    @pytest.fixture
    def fs_join(self):
        return lambda *args: "/".join(args)

    @pytest.fixture
    def fs_path(self, fs):
        path = f"/suite{next(_numbers)}"
        fs.mkdir(path)
        return path


class S3(Fixtures):
    """S3, spoken by a server in this process."""

    @pytest.fixture
    def fs(self, seen, s3_options):
        return seen(fsspec.filesystem("s3", **s3_options))

    @pytest.fixture
    def fs_join(self):
        return lambda *args: "/".join(args)

    @pytest.fixture
    def fs_path(self):
        return f"data/suite{next(_numbers)}"

    @pytest.fixture
    def supports_empty_directories(self):
        return False


class TestLocalCopy(Local, suites.AbstractCopyTests):
    pass


class TestLocalGet(Local, suites.AbstractGetTests):
    pass


class TestLocalPut(Local, suites.AbstractPutTests):
    pass


class TestLocalOpen(Local, suites.AbstractOpenTests):
    pass


class TestLocalPipe(Local, suites.AbstractPipeTests):
    pass


class TestMemoryCopy(Memory, suites.AbstractCopyTests):
    pass


class TestMemoryGet(Memory, suites.AbstractGetTests):
    pass


class TestMemoryPut(Memory, suites.AbstractPutTests):
    pass


class TestMemoryOpen(Memory, suites.AbstractOpenTests):
    pass


class TestMemoryPipe(Memory, suites.AbstractPipeTests):
    pass


class TestS3Copy(S3, suites.AbstractCopyTests):
    pass


class TestS3Get(S3, suites.AbstractGetTests):
    pass


class TestS3Put(S3, suites.AbstractPutTests):
    pass


class TestS3Open(S3, suites.AbstractOpenTests):
    pass


class TestS3Pipe(S3, suites.AbstractPipeTests):
    pass


def test_moving_into_a_missing_directory_fails(seen, tmp_path):
    """Fails as the bare filesystem does, and leaves the source alone."""
    (tmp_path / "a").write_bytes(b"1")

    with pytest.raises(FileNotFoundError):
        seen(fsspec.filesystem("file")).mv(str(tmp_path / "a"), str(tmp_path / "missing/a"))

    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("recursive", [True, False])
def test_moving_into_a_read_only_directory_fails(seen, tmp_path, recursive):
    """Fails as the bare filesystem does, and creates nothing."""
    (tmp_path / "a").write_bytes(b"1")
    protected = tmp_path / "protected"
    protected.mkdir(mode=0o555)

    with pytest.raises(PermissionError):
        seen(fsspec.filesystem("file")).mv(
            str(tmp_path / "a"), str(protected / "a"), recursive=recursive
        )

    assert not (protected / "a").exists()
