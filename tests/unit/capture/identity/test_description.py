"""What a captured process tells of its own modules and of the installed packages."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Any

import pytest

from provfs.capture.identity import packages
from provfs.journal import record


def _names(job: Any, kind: Any = record.Code) -> list[str]:
    return [one.uri.rpartition("/")[2] for one in job.records(kind)]


def test_project_modules_are_told_with_digests(job, digest):
    """Modules of the project have the digest of their files; installed ones are left out."""
    (job.work / "pkg").mkdir()
    (job.work / "pkg" / "__init__.py").write_text("")
    (job.work / "pkg" / "model.py").write_text("X = 1")
    (job.work / "unused.py").write_text("")
    job.run("import json, xxhash, pkg.model\nopen('out.csv', 'w').close()")

    assert sorted(_names(job)) == ["__init__.py", "model.py"]
    told = {one.uri.rpartition("/")[2]: one.digest for one in job.records(record.Code)}
    assert told["model.py"] == digest(b"X = 1")


def test_modules_are_told_before_a_kill_and_at_the_end(job):
    """What was imported at the first output is told then; what comes later at the end."""
    for name in ("early", "late"):
        (job.work / f"{name}.py").write_text("")
    job.run("import early\nf = open('out.csv', 'w'); f.close()\nimport late")
    assert _names(job) == ["early.py", "late.py"]

    job.run("import early, os\nopen('out.csv', 'w').close()\nimport late\nos.kill(os.getpid(), 9)")
    assert _names(job) == ["early.py", "late.py", "early.py"]


def test_module_that_changed_since_the_start_has_no_digest(job):
    """What is in the file now may not be what runs: that is a gap, not a digest."""
    (job.work / "m.py").write_text("")
    job.run("import m\nopen('m.py', 'w').write('#')\nopen('out.csv', 'w').close()")

    assert _names(job) == []
    [gap] = [one for one in job.records(record.Gap) if one.kind == "code-changed"]
    assert "m.py" in gap.detail


def test_fork_children_tell_only_their_own_imports(job):
    """A worker does not repeat what its parent had imported."""
    for name in ("shared", "own"):
        (job.work / f"{name}.py").write_text("")
    job.run(
        """
        import shared, os
        open('a.csv', 'w').close()
        if os.fork() == 0:
            import own, sys
            open('b.csv', 'w').close()
            sys.exit(0)
        os.wait()
        """
    )

    assert sorted(_names(job)) == ["own.py", "shared.py"]


def test_packages_are_told_once_per_set(job):
    """Each execution names its set by digest; the names themselves are told by the first one."""
    for _ in range(2):
        job.run("open('out.csv', 'w').close()")

    [told] = job.records(record.Packages)
    assert [e.packages for e in job.records(record.Execution) if e.packages] == [told.digest] * 2
    assert f"xxhash=={importlib.metadata.version('xxhash')}" in told.names


def test_package_names_are_those_of_importlib():
    """The names of the metadata directories tell what `importlib.metadata` tells."""
    places = [place for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    expected = {
        f"{one.metadata['Name'].lower().replace('_', '-').replace('.', '-')}=={one.version}"
        for one in importlib.metadata.distributions(path=places)
    }

    assert set(packages.installed()) == expected


def test_first_of_two_installations_counts(tmp_path):
    """A package that lies in two places is the one that is imported."""
    for place, version in (("a", "1.0"), ("b", "2.0")):
        (tmp_path / place / "site-packages" / f"My.Pkg-{version}.dist-info").mkdir(parents=True)
    path = [str(tmp_path / place / "site-packages") for place in "ab"]

    assert packages.installed([*path, str(tmp_path / "no"), str(tmp_path)]) == ["my-pkg==1.0"]


def test_process_that_touches_nothing_is_not_described(job):
    """A short command pays nothing for what nobody will ask."""
    (job.work / "m.py").write_text("")
    job.run("import m")

    assert job.records(record.Code, record.Packages) == []


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), 9)"])
def test_bytes_of_a_child_are_known_whatever_its_end(job, end):
    """What a child has read and written is known from its parent's wait, also after a kill."""
    job.run(
        f"""
        import subprocess, sys
        code = "import os; os.read(os.open('/dev/zero', 0), 5_000_000)"
        code += "; os.write(os.open('/dev/null', 1), b'x' * 3_000_000); {end}"
        subprocess.run([sys.executable, "-c", code])
        """
    )

    [wait] = job.records(record.Wait)
    assert wait.read_bytes >= 5_000_000
    assert 3_000_000 <= wait.written_bytes < 4_000_000
