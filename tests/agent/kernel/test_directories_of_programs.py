"""Directories that appear, move and go while they are watched."""

import os
import shutil

import pytest

MARKS = pytest.mark.parametrize("whole_filesystem", [None, False], ids=["names", "directories"])


@MARKS
def test_files_of_new_directories_are_found(watch, root, whole_filesystem):
    """What is written at once into directories that were just made is told, whatever is faster."""
    here = watch(whole_filesystem=whole_filesystem)

    here.run("mkdir -p a/b/c; for i in $(seq 300); do echo > a/b/c/$i; done; cp -r a d")
    here.seen()

    created = {path for kind, path in here.told("create")}
    written = {f"{top}/b/c/{number}" for top in "ad" for number in range(1, 301)}
    assert written <= created
    for folder in ("a", "a/b", "a/b/c", "d", "d/b", "d/b/c"):
        assert folder in created


def test_new_directories_have_their_actors(watch, root):
    """With a mark on the filesystem even the first file of a new directory has its writer."""
    here = watch()

    here.run("mkdir -p a/b; for i in $(seq 100); do echo > a/b/$i; done")
    events = here.seen()

    files = [each for each in events if each.kind == "create" and not each.is_directory]
    assert len(files) == 100
    assert all(each.actor is not None for each in files)
    assert len({each.actor.process for each in files}) == 1


@MARKS
def test_renamed_directory_takes_its_files_along(watch, root, whole_filesystem):
    """After a directory was renamed, its files are told under the new name."""
    (root / "old/deep").mkdir(parents=True)
    (root / "old/deep/file").write_text("x")
    here = watch(whole_filesystem=whole_filesystem)

    here.run("mv old new; echo more >> new/deep/file")
    here.seen()

    assert ("rename", "new") in here.told()
    assert ("close_write", "new/deep/file") in here.told()
    assert not [path for _, path in here.told() if path.startswith("old/")]


@MARKS
def test_directory_renamed_at_once_is_watched(watch, root, whole_filesystem):
    """A directory that had another name when it was made is watched under the one it has."""
    here = watch(whole_filesystem=whole_filesystem)

    here.run("for i in $(seq 20); do mkdir tmp; mv tmp final$i; done")
    here.seen()
    here.run("for i in $(seq 20); do echo x > final$i/file; done")
    here.seen()

    closed = {path for _, path in here.told("close_write")}
    assert closed == {f"final{number}/file" for number in range(1, 21)}


@MARKS
def test_file_of_directory_renamed_at_once_is_found(watch, root, whole_filesystem):
    """What was put into a directory before it got its name is told under the one it had or has."""
    here = watch(whole_filesystem=whole_filesystem)

    here.run("for i in $(seq 20); do mkdir tmp; echo > tmp/file$i; mv tmp final$i; done")
    here.seen()

    created = {path.rpartition("/")[2] for _, path in here.told("create", "close_write")}
    assert {f"file{number}" for number in range(1, 21)} <= created


@MARKS
def test_directory_moved_out_is_no_longer_told(watch, root, whole_filesystem):
    """What is outside is not reported under a name inside, even where a new one has that name."""
    outside = root.parent / f"{root.name}-outside"
    (root / "data").mkdir()
    (root / "data/file").write_text("x")
    here = watch(whole_filesystem=whole_filesystem)
    try:
        here.run(f"mv data {outside}; mkdir data; echo no >> {outside}/file; echo yes > data/new")
        events = here.seen()

        assert ("delete", "data") in here.told()
        assert ("create", "data/new") in here.told()
        assert not [path for _, path in here.told() if path.endswith("file")]
        (left,) = (each for each in events if each.kind == "delete")
        where = f" {outside}" if whole_filesystem is None else ""
        assert left.detail == f"moved out{where}"
    finally:
        shutil.rmtree(outside, ignore_errors=True)


@MARKS
def test_directory_moved_in_is_listed_and_watched(watch, root, whole_filesystem):
    """A tree that comes from outside is told file by file, and watched from then on."""
    outside = root.parent / f"{root.name}-outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/file").write_text("x")
    here = watch(whole_filesystem=whole_filesystem)
    try:
        here.run(f"mv {outside} data")
        here.seen()
        here.run("echo more >> data/deep/file")
        here.seen()

        told = here.told()
        assert {("create", "data"), ("create", "data/deep"), ("create", "data/deep/file")} <= {
            *told
        }
        assert ("close_write", "data/deep/file") in told
    finally:
        shutil.rmtree(outside, ignore_errors=True)


def test_left_out_directories_are_silent(watch, root):
    """Nothing is told of directories that are left out by path or by name."""
    (root / "home").mkdir()
    (root / "sub/.git").mkdir(parents=True)
    here = watch(skip_paths=(str(root / "home"),), skip_names=frozenset({".git"}))

    here.run("echo > home/x; echo > sub/.git/x; mkdir -p other/.git; echo > other/.git/x; echo > y")
    here.seen()

    assert not [path for _, path in here.told() if "home" in path or ".git" in path]
    assert ("close_write", "y") in here.told()


def test_root_that_goes_is_told(watch, root):
    """A root that is removed or renamed says so, once and for all."""
    here = watch()

    here.run(f"mv {root} {root}.moved; mv {root}.moved {root}")
    here.seen(lambda events: any(each.kind == "gone" for each in events))

    assert os.path.isdir(root)
