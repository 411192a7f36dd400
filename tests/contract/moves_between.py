"""The rest of the table of `tests.contract.moves`: transfers, copies, moves, removals, others."""

from __future__ import annotations

from tests.contract.journal import Fact, whole
from tests.contract.moves import IN_DIRECTORY, NEW, U, V, copied, directory_copied, loaded, moves
from tests.contract.places import A, X

# Transfers


@moves(*loaded("a", "local:g", A))
def get_file(p):
    p.fs.get_file(p.at("a"), p.down("g"))


@moves(*loaded("a", "local:g", A))
def get_one(p):
    p.fs.get(p.at("a"), p.down("g"))


@moves(*loaded("a", "local:g", A))
def download(p):
    p.fs.download(p.at("a"), p.down("g"))


@moves(*loaded("a", "local:g", A), *loaded("d/x", "local:h", X))
def get_list(p):
    p.fs.get([p.at("a"), p.at("d/x")], [p.down("g"), p.down("h")])


@moves(
    *(f for name, content in IN_DIRECTORY for f in loaded(f"d/{name}", f"local:t/{name}", content))
)
def get_directory(p):
    p.fs.get(p.at("d"), p.down("t"), recursive=True)


@moves(*loaded("d/x", "local:x", X))
def get_glob(p):
    p.fs.get(p.at("d/x*"), p.down(""))


@moves(*loaded("u", "n", U)[1:], whole("read", "local:u", U))
def put_file(p):
    p.fs.put_file(p.down("u"), p.at("n"))


@moves(*loaded("local:u", "n", U))
def put_one(p):
    p.fs.put(p.down("u"), p.at("n"))


@moves(*loaded("local:u", "n", U))
def upload(p):
    p.fs.upload(p.down("u"), p.at("n"))


@moves(*loaded("local:u", "n", U), *loaded("local:w/v", "m", V))
def put_list(p):
    p.fs.put([p.down("u"), p.down("w/v")], [p.at("n"), p.at("m")])


@moves(*loaded("local:w/v", "t/v", V))
def put_directory(p):
    p.fs.put(p.down("w"), p.at("t"), recursive=True)


@moves(*loaded("local:u", "d/u", U))
def put_glob(p):
    p.fs.put(p.down("u*"), p.at("d") + "/")


# Inside one storage


@moves(copied("a", "n", A))
def cp_file(p):
    p.fs.cp_file(p.at("a"), p.at("n"))


@moves(copied("a", "n", A))
def copy_one(p):
    p.fs.copy(p.at("a"), p.at("n"))


@moves(copied("a", "n", A), copied("d/x", "m", X))
def cp_list(p):
    p.fs.cp([p.at("a"), p.at("d/x")], [p.at("n"), p.at("m")])


@moves(directory_copied("t"))
def copy_directory(p):
    p.fs.copy(p.at("d"), p.at("t"), recursive=True)


@moves(copied("d/x", "d/e/x", X))
def copy_glob(p):
    p.fs.copy(p.at("d/x*"), p.at("d/e") + "/")


@moves(Fact("rename", "a -> n"))
def mv(p):
    p.fs.mv(p.at("a"), p.at("n"))


@moves(Fact("rename", "a -> n"))
def move(p):
    p.fs.move(p.at("a"), p.at("n"))


@moves(Fact("rename", "a -> n"))
def rename(p):
    p.fs.rename(p.at("a"), p.at("n"))


@moves(
    *(Fact("rename", f"d/{name} -> t/{name}") for name, _ in IN_DIRECTORY),
    kinds=("local", "memory"),  # s3fs wants to copy an object that stands for the directory
)
def mv_directory(p):
    p.fs.mv(p.at("d"), p.at("t"), recursive=True)


@moves(Fact("remove", "a"))
def rm(p):
    p.fs.rm(p.at("a"))


@moves(Fact("remove", "a"))
def rm_file(p):
    p.fs.rm_file(p.at("a"))


@moves(Fact("remove", "a"))
def delete(p):
    p.fs.delete(p.at("a"))


@moves(Fact("remove", "a"), Fact("remove", "d/x"))
def rm_list(p):
    p.fs.rm([p.at("a"), p.at("d/x")])


@moves(*(Fact("remove", f"d/{name}") for name, _ in IN_DIRECTORY))
def rm_directory(p):
    p.fs.rm(p.at("d"), recursive=True)


@moves(whole("write", "n", b""))
def touch(p):
    p.fs.touch(p.at("n"))


@moves(whole("write", "a", b""))
def touch_truncates(p):
    p.fs.touch(p.at("a"), truncate=True)
    assert p.stored("a") == b""


# Mappings


@moves(whole("read", "a", A), whole("write", "n", NEW), Fact("remove", "d/x"))
def mapper(p):
    mapping = p.fs.get_mapper(p.root)
    assert mapping["a"] == A
    mapping["n"] = NEW
    del mapping["d/x"]


@moves(whole("read", "a", A), whole("read", "d/x", X), whole("write", "n", NEW))
def mapper_in_bulk(p):
    mapping = p.fs.get_mapper(p.root)
    assert mapping.getitems(["a", "d/x"]) == {"a": A, "d/x": X}
    mapping.setitems({"n": NEW})


# What moves no content


@moves()
def listing(p):
    assert {name.rpartition("/")[2] for name in p.fs.find(p.root)} == {"a", "x", "y", "z"}
    assert len(list(p.fs.walk(p.root))) == 3
    assert p.fs.glob(p.root + "/*")
    assert p.fs.ls(p.root, detail=True)
    assert p.fs.listdir(p.root)
    assert p.fs.du(p.root)
    assert p.fs.disk_usage(p.root, total=False)
    assert p.fs.expand_path(p.at("d"), recursive=True)


@moves()
def asking(p):
    path = p.at("a")
    assert p.fs.info(path)["size"] == p.fs.stat(path)["size"] == p.fs.size(path) == len(A)
    assert p.fs.sizes([path]) == [len(A)]
    assert p.fs.exists(path)
    assert p.fs.lexists(path)
    assert p.fs.isfile(path)
    assert not p.fs.isdir(path)
    assert p.fs.ukey(path)
    assert p.fs.checksum(path)
    assert p.fs.modified(path)
    assert not p.fs.exists(p.at("missing"))


@moves()
def directories(p):
    p.fs.mkdir(p.at("k"))
    p.fs.makedirs(p.at("l/m"), exist_ok=True)
    p.fs.invalidate_cache()


@moves()
def missing_files(p):
    for attempt in (
        lambda: p.fs.cat_file(p.at("missing")),
        lambda: p.fs.open(p.at("missing"), "rb"),
        lambda: p.fs.get_file(p.at("missing"), p.down("g")),
        lambda: p.fs.cp_file(p.at("missing"), p.at("n")),
        lambda: p.fs.put_file(p.down("missing"), p.at("n")),
    ):
        try:
            attempt()
        except FileNotFoundError:
            continue
        raise AssertionError(attempt)
