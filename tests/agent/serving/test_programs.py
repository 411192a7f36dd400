"""Programs that know nothing of provfs, seen from outside by the kernel's events."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provfs import digest
from provfs.model import uri_of_path

TORCH = f"""{sys.executable} -c '
import torch
rows = open("a").read()
torch.save(torch.zeros(1000), "model.pt")'"""
REPLACE = """python3 -c '
import os
with open("a") as a, open("x.tmp", "w") as x:
    x.write(a.read() * 2)
os.replace("x.tmp", "x")'"""
ONE_BY_ONE = "same-process"

# name, command, (input, output, rule) of the edges that it makes
PROGRAMS = [
    ("cp", "cp a copied", {("a", "copied", "copy")}),
    ("sort", "sort a > sorted", {("a", "sorted", ONE_BY_ONE)}),
    ("gzip", "gzip -k a", {("a", "a.gz", ONE_BY_ONE)}),
    ("tar", "tar cf all.tar a b", {("a", "all.tar", ONE_BY_ONE), ("b", "all.tar", ONE_BY_ONE)}),
    ("mv", "mv a moved", {("a", "moved", "rename")}),
    (
        "sqlite3",
        "sqlite3 db 'create table t(x)' '.import a t'; sqlite3 db 'select upper(x) from t' > out",
        {("a", "db", ONE_BY_ONE), ("db", "out", ONE_BY_ONE)},
    ),
    ("dd", "dd if=a of=b conv=notrunc status=none", {("a", "b", "copy")}),
    ("mapped", "{mapped} a out", {("a", "out", ONE_BY_ONE)}),
    ("append", "cat a >> b", {("a", "b", ONE_BY_ONE), ("b", "b", ONE_BY_ONE)}),
    ("python3", REPLACE, {("a", "x", ONE_BY_ONE)}),
    ("steps", "sort a > one; sort b > two", {("a", "one", ONE_BY_ONE), ("b", "two", ONE_BY_ONE)}),
    (
        "group",
        "(cat a; tr a-z A-Z < b) > out",
        {("a", "out", ONE_BY_ONE), ("b", "out", ONE_BY_ONE), ("out", "out", ONE_BY_ONE)},
    ),
    ("nothing", "ls -l a; stat a; test -r b", set()),
    ("torch", TORCH, {("a", "model.pt", ONE_BY_ONE)}),
]
FEW = [row for row in PROGRAMS if row[0] in {"cp", "mv", "append", "python3"}]


def _prepare(agent):
    """Make the input of all programs before it starts, so that it is known when they run."""
    for name, _, _ in PROGRAMS:
        folder = agent.root / name
        folder.mkdir()
        (folder / "a").write_text(f"first of {name}\nsecond\n" * 50)
        (folder / "b").write_text(f"third of {name}\nfourth\n")
    (agent.root / "cookies").mkdir()
    agent.start()
    until = time.monotonic() + 30
    while len(agent.current()) < 2 * len(PROGRAMS):
        assert time.monotonic() < until, "what was there at the start is not found"
        time.sleep(0.05)
    return agent


@pytest.fixture(scope="module")
def gate(running):
    """Return an agent that sees who opens what."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("fanotify's permission events need root on Linux")
    agent = _prepare(running(start=False))
    (root,) = agent.status()["roots"]
    if root.get("level") != "A":
        pytest.skip(f"no permission events here: {root}")
    return agent


@pytest.fixture(scope="module")
def native(running):
    """Return an agent that has no privilege."""
    if sys.platform != "linux":
        pytest.skip("inotify is Linux")
    return _prepare(running('level = "native"', start=False))


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Return a program that copies by shared mappings."""
    program = tmp_path_factory.mktemp("program") / "mapped"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    subprocess.run([compiler, "-o", program, Path(__file__).with_name("mapped.c")], check=True)
    return program


def _run(agent, name, command, request):
    folder = agent.root / name
    if "{mapped}" in command:
        command = command.format(mapped=request.getfixturevalue("mapped"))
    elif name == "torch":
        pytest.importorskip("torch")
    elif name not in {"append", "steps", "group", "nothing"} and shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def _on_disk(folder):
    return {
        uri_of_path(str(path)): str(digest.digest_of_bytes(path.read_bytes()))
        for path in folder.iterdir()
    }


def _agrees(agent, folder):
    disk = _on_disk(folder)
    start = uri_of_path(f"{folder}/")
    return disk == {uri: value for uri, value in agent.current().items() if uri.startswith(start)}


@pytest.mark.parametrize(("name", "command", "edges"), PROGRAMS, ids=[row[0] for row in PROGRAMS])
def test_edges_are_exact_where_the_kernel_says_who_did_it(
    gate, name, command, edges, request, eventually
):
    """Every input has its edge to what was made of it, and nothing else has one."""
    folder = _run(gate, name, command, request)

    gate.catch_up(eventually)
    eventually(lambda: _agrees(gate, folder), timeout_s=30)
    with contextlib.suppress(pytest.fail.Exception):  # reads are told apart from what was written
        eventually(lambda: gate.edges(folder) >= edges, timeout_s=10)

    found = gate.edges(folder)
    assert found >= edges
    assert {(one, other) for one, other, _ in found} == {(one, other) for one, other, _ in edges}


@pytest.mark.parametrize(("name", "command", "edges"), FEW, ids=[row[0] for row in FEW])
def test_versions_are_exact_and_no_edge_is_invented_without_privilege(
    native, name, command, edges, request, eventually
):
    """Without identities the log still says what every file holds, and claims nothing more."""
    folder = _run(native, name, command, request)

    native.catch_up(eventually)
    eventually(lambda: _agrees(native, folder), timeout_s=30)

    pairs = {(one, other) for one, other, _ in edges}
    assert {(one, other) for one, other, _ in native.edges(folder)} <= pairs
    assert not [root for root in native.status()["roots"] if root["lost"]]


def test_agent_that_is_stopped_holds_nobody_up_and_tells_all_afterwards(gate, eventually):
    """The gate lets openers go on while the agent itself does not run; nothing is lost by that."""
    folder = gate.root / "stopped"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(f"{name} of stopped\n" * 50)
    command = "sort a > one; cp b two; cat one >> two; mv one three"
    gate.catch_up(eventually)
    os.kill(gate.process.pid, signal.SIGSTOP)
    try:
        subprocess.run(["sh", "-c", command], cwd=folder, check=True, timeout=60)
    finally:
        os.kill(gate.process.pid, signal.SIGCONT)

    gate.catch_up(eventually)

    eventually(lambda: _agrees(gate, folder), timeout_s=30)
    pairs = {(one, other) for one, other, _ in gate.edges(folder)}
    assert pairs >= {("a", "one"), ("b", "two"), ("one", "three"), ("one", "two")}
    assert not gate.ask("FROM gaps")
