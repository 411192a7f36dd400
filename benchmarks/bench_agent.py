"""What does the agent see, how soon can it be asked, and what do others pay for it?

The agent runs as a process of its own and watches a directory. Beside it, where they can be had:
fatrace (the Debian package), which prints the openings on a whole filesystem, and a plain script on
watchdog, which sees no process. `--files N` sets how many files lie there at rest, `--log N` how
many accesses are in the log before latency is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.log.history import make
from benchmarks.pairs import RESULTS, compare, keep, show
from provfs.config import Settings, prepare_home
from provfs.ingest import ingest
from provfs.log import store
from provfs_agent.service.status import read_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

AT_REST = 1_000_000
PER_FOLDER = 100
SECONDS = 10
_PACES = ((100, 0.05), (500, 0.05))
"""Files a second, each of which makes five events, and the shortest time between two ingests."""

BURST = 50_000
READS = 20_000
_REST_S = 20.0
_LATE_S = 60.0
_TICK = os.sysconf("SC_CLK_TCK")

_WATCHDOG = """
import sys, time
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
class Count(FileSystemEventHandler):
    seen = 0
    def on_any_event(self, event):
        self.seen += 1
observer = Observer()
observer.schedule(Count(), sys.argv[1], recursive=True)
observer.start()
print("ready", flush=True)
while True:
    time.sleep(60)
"""
_WRITER = """
import json, sys, time
from pathlib import Path
root, began, closed, rate = Path(sys.argv[1]), time.monotonic(), {}, int(sys.argv[2])
for number in range(int(sys.argv[3])):
    path = root / f"{number:06d}.csv"
    with path.open("w") as file:
        file.write(f"{number},1,2,3\\n" * 20)
    closed[path.name] = time.time()
    wait = began + (number + 1) / rate - time.monotonic()
    if wait > 0:
        time.sleep(wait)
print(json.dumps(closed))
"""
_NAME = re.compile(rb"[0-9]{6}\.csv")
_NEW = "SELECT version_id, uri FROM versions"
_LAST = "SELECT coalesce(max(version_id), -1) FROM versions"
_OPENER = f"""
import os, sys, time
paths = [entry.path for entry in os.scandir(sys.argv[1])]
began = time.monotonic()
for number in range({BURST}):
    os.close(os.open(paths[number % len(paths)], os.O_RDONLY))
    if number % 500 == 0:
        wait = began + 2.0 * number / {BURST} - time.monotonic()
        if wait > 0:
            time.sleep(wait)
print(time.monotonic() - began)
"""
_READER = """
import os, sys, time
paths = [entry.path for entry in os.scandir(sys.argv[1])][:int(sys.argv[2])]
work_s = float(sys.argv[3])
def read():
    began = time.perf_counter()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, 4096)
        os.close(descriptor)
        if work_s:
            until = time.perf_counter() + work_s
            while time.perf_counter() < until:
                pass
    return time.perf_counter() - began
if not work_s:
    read()
print(read())
"""


def main(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_agent")
    parser.add_argument("--files", type=int, default=AT_REST)
    parser.add_argument("--only", choices=("latency", "burst", "cost", "rest"))
    parser.add_argument("--log", type=int, default=0)
    chosen = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="bench-agent-"))
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "latency": lambda: [row for how in _PACES for row in _latency(work, *how, chosen.log)],
        "burst": lambda: _burst(work),
        "cost": lambda: _cost(work),
        "rest": lambda: _rest(work, chosen.files),
    }
    try:
        rows = [
            row for name, part in parts.items() if chosen.only in {None, name} for row in part()
        ]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    show("agent", rows)
    keep("agent", [*_others_than(rows), *rows])
    return rows


def _others_than(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the last run that were not measured now."""
    path = RESULTS / "agent.json"
    if not path.exists():
        return []
    measured = {row["what"] for row in rows}
    before = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [row for row in before if row["what"] not in measured]


def _latency(work: Path, rate: int, interval_s: float, accesses: int) -> list[dict[str, Any]]:
    """Time from the close of a file to the moment when a query finds its version."""
    root, home = _folder(work), work / f"home-latency-{rate}-{interval_s}"
    settings = Settings(home=home)
    if accesses:
        prepare_home(settings)
        make(accesses, interleaved=True).write_journals(settings.journal_directory)
        ingest(settings)
    with _agent(root, home, interval_s=interval_s):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(root), str(rate), str(rate * SECONDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        ended = threading.Event()
        noted: dict[str, float] = {}
        noting = threading.Thread(target=_note, args=(home, noted, ended))
        noting.start()
        found = _when_found(home, rate * SECONDS, lambda: writer.poll() is not None)
        ended.set()
        noting.join()
        closed = json.loads(writer.communicate()[0])
    rows = []
    for where, budget, seen in (("journal", "-", noted), ("log", "mean <= 330 ms", found)):
        late = sorted((seen[name] - at) * 1e3 for name, at in closed.items() if name in seen)
        figure = (
            f"mean {statistics.mean(late):.0f} ms, 99 % {late[len(late) * 99 // 100]:.0f} ms, "
            f"{len(late)}/{len(closed)} found"
        )
        what = f"closed to found in the {where}, {rate} files/s, ingest every {interval_s} s"
        what += f", {accesses:,} accesses before" if accesses else ""
        rows.append(_row(what, figure, budget))
    return rows


def _note(home: Path, found: dict[str, float], ended: threading.Event) -> None:
    read = {path: path.stat().st_size for path in (home / "journal").rglob("*.jsonl")}
    while not ended.wait(0.02):
        _in_journal(home, found, read)


def _when_found(home: Path, wanted: int, is_written: Callable[[], bool]) -> dict[str, float]:
    """Ask the log again and again; return when each file was found first, by name."""
    found: dict[str, float] = {}
    last = -1
    with suppress(Exception), store.reader(Settings(home=home).log_path) as connection:
        last = store.fetch(connection, _LAST).rows[0][0]
    until = time.monotonic() + SECONDS + _LATE_S
    while len(found) < wanted and time.monotonic() < until:
        with suppress(Exception), store.reader(Settings(home=home).log_path) as connection:
            rows = store.fetch(connection, f"{_NEW} WHERE version_id > {last}").rows
            now = time.time()
            for version, uri in rows:
                found.setdefault(uri.rpartition("/")[2], now)
                last = max(last, version)
        if is_written() and time.monotonic() > until - _LATE_S / 2:
            break
        time.sleep(0.05)
    return found


def _in_journal(home: Path, found: dict[str, float], read: dict[Path, int]) -> None:
    """Note the files whose records are in a journal now."""
    for path in (home / "journal").rglob("*.jsonl"):
        with path.open("rb") as file:
            file.seek(read.get(path, 0))
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        read[path] = read.get(path, 0) + len(text)
        now = time.time()
        for name in _NAME.findall(text):
            found.setdefault(name.decode(), now)


def _burst(work: Path) -> list[dict[str, Any]]:
    """Fifty thousand openings at once: which of them are in the log."""
    root, home = _folder(work, files=1000), work / "home-burst"
    with _agent(root, home):
        took = float(_python(_OPENER, str(root)))
        _settle(home)
    with store.reader(Settings(home=home).log_path) as connection:
        ((opens,),) = store.fetch(connection, "SELECT sum(opens) FROM accesses").rows
        ((gaps,),) = store.fetch(connection, "SELECT count(*) FROM gaps").rows
    figure = f"{opens or 0:,} in the log, {gaps} gaps; done in {took:.1f} s"
    return [_row(f"burst of {BURST:,} openings in 2 s", figure, "none lost, or a gap")]


def _cost(work: Path) -> list[dict[str, Any]]:
    """Reading small files below a watched directory, and beside it, against nobody watching."""
    root, beside = _folder(work, files=READS), _folder(work, files=READS)
    home = work / "home-cost"

    def read(folder: Path, count: int = READS, work_s: float = 0.0) -> float:
        return float(_python(_READER, str(folder), str(count), str(work_s)))

    def row(what: str, watcher: str, count: int, ours: Path, bare: Path, work_s: float) -> Any:
        ratio = compare(lambda: read(ours, count, work_s), lambda: read(bare, count, work_s), 5)
        added = (ratio.ours_s - ratio.bare_s) / count * 1e6
        return _row(f"{what}, {watcher}", f"{added:+.1f} µs a file", "-", str(ratio))

    rows = []
    for watcher, how in (("gate", "strict"), ("no gate", "fast")):
        with _agent(root, home, attribution=how):
            small = row("read 4 KiB files", f"agent, {watcher}", READS, root, beside, 0.0)
            busy = row("2 ms of work on each file", f"agent, {watcher}", 500, root, beside, 0.002)
            rows += [small, busy]
    others = {"watchdog script": lambda: _watchdog(root)}
    if fatrace := shutil.which("fatrace"):
        others["fatrace"] = lambda: _fatrace(fatrace, root)
    for name, watching in others.items():

        def with_it(watching: Callable[[], Any] = watching) -> float:
            with watching():
                return read(root)

        ratio = compare(with_it, lambda: read(root), 5)
        added = (ratio.ours_s - ratio.bare_s) / READS * 1e6
        rows.append(_row(f"read 4 KiB files, {name}", f"{added:+.1f} µs a file", "-", str(ratio)))
    return rows


def _rest(work: Path, files: int) -> list[dict[str, Any]]:
    """Processor and memory of each watcher while nothing happens below it."""
    root, home = work / "rest", work / "home-rest"
    for number in range(files):
        if number % PER_FOLDER == 0:
            folder = root / f"{number // PER_FOLDER // 100:04d}" / f"{number // PER_FOLDER:06d}"
            folder.mkdir(parents=True)
        os.close(os.open(folder / f"{number}.csv", os.O_CREAT | os.O_WRONLY))
    rows = []
    began = time.monotonic()
    with _agent(root, home) as pid:
        ready_s = time.monotonic() - began
        _settle(home, longest_s=1800)
        caught_s = time.monotonic() - began
        note = f"; watched after {ready_s:.0f} s, all known after {caught_s:.0f} s"
        rows.append(_row(f"at rest with {files:,} files, agent", _resting(pid) + note, "-"))
    with _watchdog(root) as pid:
        rows.append(_row(f"at rest with {files:,} files, watchdog script", _resting(pid), "-"))
    if fatrace := shutil.which("fatrace"):
        with _fatrace(fatrace, root) as pid:
            rows.append(_row(f"at rest with {files:,} files, fatrace", _resting(pid), "-"))
    return rows


def _resting(pid: int) -> str:
    family = _family(pid)
    before, began = sum(map(_cpu_s, family)), time.monotonic()
    time.sleep(_REST_S)
    share = (sum(map(_cpu_s, family)) - before) / (time.monotonic() - began)
    memory = sum(map(_memory_bytes, family)) / 2**20
    return f"{share:.1%} of a core, {memory:.0f} MiB in {len(family)} processes"


def _family(pid: int) -> list[int]:
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(each for child in below for each in _family(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory_bytes(pid: int) -> int:
    """Return the proportional share of memory, so that what processes share counts once."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))


@contextmanager
def _agent(
    root: Path, home: Path, *, interval_s: float = 1.0, attribution: str = "strict"
) -> Iterator[int]:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'[agent]\ningest_interval_s = {interval_s}\nattribution = "{attribution}"\n',
        encoding="utf-8",
    )
    start = "import sys; from provfs_agent.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "--home", str(home), "watch", str(root)]
    with (home / "stderr").open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    try:
        _settle(home, pid=process.pid)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _settle(home: Path, *, pid: int | None = None, longest_s: float = 300) -> None:
    """Wait until the agent has nothing to do, as its status says."""
    until = time.monotonic() + longest_s
    quiet = 0
    while quiet < 3:
        if time.monotonic() > until:
            msg = f"the agent is still busy after {longest_s:.0f} s: {read_status(home)}"
            raise RuntimeError(msg)
        time.sleep(0.5)
        facts = read_status(home)
        if "events" not in facts or (pid is not None and facts.get("pid") != pid):
            continue
        busy = facts["settling"] + facts["waiting"] + facts["to_look_at"] + facts["hashing"]
        queued = sum(each.get("queue", 0) for each in facts["roots"])
        watched = all(each["watched"] for each in facts["roots"])
        idle = watched and not busy and not queued and not facts["catching_up"]
        quiet = quiet + 1 if idle else 0


@contextmanager
def _watchdog(root: Path) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", _WATCHDOG, str(root)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _fatrace(program: str, root: Path) -> Iterator[int]:
    process = subprocess.Popen(
        [program, "--current-mount"], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.5)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _python(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _folder(work: Path, files: int = 0) -> Path:
    folder = Path(tempfile.mkdtemp(dir=work))
    for number in range(files):
        (folder / f"{number:06d}.csv").write_bytes(b"1,2,3,4\n" * 512)
    return folder


def _row(what: str, figure: str, budget: str, ratio: str = "-") -> dict[str, Any]:
    return {"what": what, "figure": figure, "budget": budget, "ratio median (min-max)": ratio}


if __name__ == "__main__":
    main(sys.argv[1:])
