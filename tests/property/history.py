"""A small invented world: programs that read, write, move and wait, and the journals they leave.

Contract: `World` knows the truth (which version was read, who wrote it, where it lies in the end)
and writes the records that capture would have written, fingerprints as a Linux filesystem stamps
them. An action that could not have happened, or whose traces would be ambiguous, does nothing and
says False. Every action takes a moment of its own, 1 ms after the one before. Not here: which
edges follow, see `tests.property.oracle`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provfs.journal.record import Failed, Record
from tests import builders
from tests.property.truth import Process, Read, Version, Write

_BEGIN_NS = 1_000_000_000_000
_STEP_NS = 1_000_000
_STAMP_BEFORE_CLOSE_NS = 200_000
_SKEW_NS = 3_600_000_000_000
FIRST_PID = 100


@dataclass
class _File:
    inode: int
    content: str
    mtime_ns: int
    ctime_ns: int
    skewed: bool = False
    version: Version | None = None

    @property
    def fingerprint(self) -> str:
        return builders.fingerprint(self.inode, len(self.content), self.mtime_ns, self.ctime_ns)


@dataclass
class _Handle:
    pid: int
    id: int
    name: str
    thread: int | None
    opened_ns: int
    file: _File
    fingerprint: str
    content: str
    writes: bool
    digest: bool
    version: Version | None = None
    prior_read: _Handle | None = None


@dataclass(repr=False)
class World:
    """The state of all files and processes, and what was recorded about them so far."""

    processes: dict[int, Process] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    openings: list[Read] = field(default_factory=list)
    waits: dict[int, int] = field(default_factory=dict)
    records: list[tuple[int, Record]] = field(default_factory=list)
    accesses: int = 0
    _now_ns: int = _BEGIN_NS
    _inodes: int = 1000
    _files: dict[str, _File] = field(default_factory=dict)
    _handles: list[_Handle] = field(default_factory=list)
    _ended: set[int] = field(default_factory=set)
    _ids: dict[int, int] = field(default_factory=dict)
    _known_reads: dict[tuple[int, str, str, int | None], int] = field(default_factory=dict)
    _places: set[tuple[str, int]] = field(default_factory=set)
    _last_seen: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What happened, one record per line, made to be read."""
        return "\n".join(
            ["World", *(f"  {pid} {builders.brief(record)}" for pid, record in self.records)]
        )

    @property
    def running(self) -> list[int]:
        """The pids that can still act."""
        return [pid for pid in self.processes if pid not in self._ended]

    @property
    def names(self) -> list[str]:
        """The files that there are."""
        return sorted(self._files)

    def journals(self) -> dict[int, list[Record]]:
        """Return the records of every execution in the order of writing."""
        found: dict[int, list[Record]] = {pid: [] for pid in self.processes}
        for pid, record in self.records:
            found[pid].append(record)
        return found

    def start(self, parent: int | None = None, *, worker: bool = False, told: bool = False) -> int:
        """Start an execution; `worker` joins its parent's program; `told` records it in both
        journals.
        """
        now, pid = self._tick(), FIRST_PID + len(self.processes)
        program = self.processes[parent].program if worker and parent is not None else pid
        self.processes[pid] = Process(pid, program, parent, now)
        record = builders.execution(pid, now, program=program, parent=parent)
        self.records.append((pid, record))
        if told and parent is not None:
            self.records.append((parent, record))
        return pid

    def make(
        self, name: str, content: str, *, skewed: bool = False, in_place: bool = False
    ) -> bool:
        """Let nobody known make or change a file; `skewed` stamps it with a clock that runs ahead.

        Passed over where the last state that anybody saw under this name had the same bytes:
        whether such a file is a new version is left open.
        """
        file = self._files.get(name)
        if file and (self._is_open(file) or self._last_seen.get(name) == content):
            return False
        now = self._tick()
        inode = file.inode if file and in_place else self._new_inode()
        ctime = now + _SKEW_NS if skewed else now
        self._place(name, _File(inode, content, now, ctime, skewed))
        return True

    def open_read(
        self, pid: int, name: str, thread: int | None = 1, *, digest: bool = True
    ) -> bool:
        """Open an existing file for reading."""
        file = self._files.get(name)
        if file is None or self._is_open(file, for_writing=True):
            return False
        if any(h.pid == pid and h.file is file and h.thread == thread for h in self._handles):
            return False
        self._handles.append(self._reading(pid, name, file, thread, self._tick(), digest=digest))
        self.accesses += 1
        return True

    def open_write(
        self,
        pid: int,
        name: str,
        content: str,
        thread: int | None = 1,
        *,
        update: bool = False,
        digest: bool = True,
    ) -> bool:
        """Open a file for writing `content`; `update` also reads what an existing, filled one
        held.
        """
        file = self._files.get(name)
        if file and self._is_open(file):
            return False
        now = self._tick()
        prior = None
        if update and file and file.content:
            prior = self._reading(pid, name, file, thread, now, digest=digest)
            self.accesses += 1
        if file is None:
            file = _File(self._new_inode(), "", now, now)
            self._place(name, file)
        id_ = self._new_id(pid)
        self.records.append((pid, builders.opening(pid, id_, name, now, thread)))
        handle = _Handle(pid, id_, name, thread, now, file, "", content, True, digest, None, prior)
        self._handles.append(handle)
        self.accesses += 1
        return True

    def close(self, index: int = 0) -> bool:
        """Close the opening with this index among the open ones, oldest first."""
        if not self._handles:
            return False
        handle = self._handles.pop(index % len(self._handles))
        if handle.writes:
            self._close_write(handle)
        else:
            self._close_read(handle, self._tick())
        return True

    def read(self, pid: int, name: str, thread: int | None = 1, *, digest: bool = True) -> bool:
        """Open, read and close."""
        return self.open_read(pid, name, thread, digest=digest) and self.close(-1)

    def write(
        self, pid: int, name: str, content: str, thread: int | None = 1, *, update: bool = False
    ) -> bool:
        """Open, write and close."""
        return self.open_write(pid, name, content, thread, update=update) and self.close(-1)

    def move(self, pid: int, name: str, to: str) -> bool:
        """Move a file to another name, replacing what is there."""
        file, target = self._files.get(name), self._files.get(to)
        if file is None or file is target or file.skewed or (to, file.inode) in self._places:
            return False
        if any(h.writes and h.file in (file, target) for h in self._handles):
            return False
        shared = file.content and not file.content.startswith("unique")
        if shared and not (file.version and file.version.digest_known):
            return False
        now = self._tick()
        version = self._known(file, name, now)
        self.records.append(
            (
                pid,
                builders.rename(
                    pid, self._new_id(pid), name, to, now, fingerprint=file.fingerprint
                ),
            )
        )
        mover = self.processes[pid].program
        author = version.write.pid if version.write else version.author
        if author is not None and self.processes[author].program == mover:
            version.name, version.origin, version.carried = to, "renamed", True
            self._last_seen[to] = version.content
        else:
            file.version = self._new_version(
                to,
                file,
                now,
                "renamed",
                moved_from=version.number,
                author=author,
                digest_known=version.digest_known,
            )
        file.ctime_ns = now
        del self._files[name]
        self._last_seen.pop(name, None)
        self._place(to, file)
        return True

    def fail(self, pid: int, name: str, to: str | None = None) -> None:
        """Try to open for writing, or to move, in vain."""
        now, id_ = self._tick(), self._new_id(pid)
        file = self._files.get(name)
        if to is None:
            self.records.append((pid, builders.opening(pid, id_, name, now)))
        else:
            stamp = file.fingerprint if file else None
            self.records.append((pid, builders.rename(pid, id_, name, to, now, fingerprint=stamp)))
        failed = Failed(execution=builders.execution_name(pid), id=id_, at_ns=self._tick())
        self.records.append((pid, failed))

    def wait(self, child: int, *, named: bool = True) -> bool:
        """Let a child end, with the rest of its program where it is the first, and its parent
        wait.
        """
        process = self.processes[child]
        if process.parent is None or process.parent in self._ended or child in self._ended:
            return False
        members = [
            p.pid
            for p in self.processes.values()
            if p.pid == child or (process.program == child and p.program == child)
        ]
        while any(handle.pid in members for handle in self._handles):
            self.close(next(i for i, handle in enumerate(self._handles) if handle.pid in members))
        for pid in members:
            if pid not in self._ended:
                self.records.append((pid, builders.exit_(pid, self._tick())))
                self._ended.add(pid)
        now = self._tick()
        self.waits[child] = now
        record = builders.wait(process.parent, child, now, named=named)
        self.records.append((process.parent, record))
        return True

    def finish(self) -> None:
        """Close what is open and end every second execution in order; the others are killed."""
        while self.close():
            pass
        for pid in self.running:
            if pid % 2 == 0:
                self.records.append((pid, builders.exit_(pid, self._tick())))

    def _tick(self) -> int:
        self._now_ns += _STEP_NS
        return self._now_ns

    def _new_id(self, pid: int) -> int:
        self._ids[pid] = self._ids.get(pid, 0) + 1
        return self._ids[pid]

    def _new_inode(self) -> int:
        self._inodes += 1
        return self._inodes

    def _place(self, name: str, file: _File) -> None:
        self._files[name] = file
        self._places.add((name, file.inode))

    def _is_open(self, file: _File, *, for_writing: bool = False) -> bool:
        return any(h.file is file and (h.writes or not for_writing) for h in self._handles)

    def _new_version(
        self,
        name: str,
        file: _File,
        created_ns: int,
        origin: str,
        *,
        write: Write | None = None,
        moved_from: int | None = None,
        author: int | None = None,
        digest_known: bool = False,
    ) -> Version:
        version = Version(
            number=len(self.versions),
            name=name,
            mtime_ns=builders.wall_ns(file.mtime_ns),
            content=file.content,
            created_ns=created_ns,
            origin=origin,
            write=write,
            moved_from=moved_from,
            author=author,
            digest_known=digest_known,
        )
        self.versions.append(version)
        self._last_seen[name] = version.content
        return version

    def _known(self, file: _File, name: str, seen_ns: int) -> Version:
        """Return the version that a file holds, made known by this touch where nobody knew it."""
        if file.version is None:
            file.version = self._new_version(name, file, min(file.ctime_ns, seen_ns), "observed")
        return file.version

    def _reading(
        self, pid: int, name: str, file: _File, thread: int | None, now: int, *, digest: bool
    ) -> _Handle:
        version = self._known(file, name, now)
        known = (pid, name, file.fingerprint, thread)
        opening = Read(pid, thread, version.number, now)
        self.openings.append(opening)
        if known not in self._known_reads:
            self._known_reads[known] = self._new_id(pid)
            self.reads.append(opening)
        else:
            digest = False
        id_ = self._known_reads[known]
        return _Handle(
            pid,
            id_,
            name,
            thread,
            now,
            file,
            file.fingerprint,
            file.content,
            False,
            digest,
            version,
        )

    def _close_read(self, handle: _Handle, now: int) -> None:
        assert handle.version is not None
        handle.version.digest_known |= handle.digest
        record = builders.read(
            handle.pid,
            handle.id,
            handle.name,
            handle.opened_ns,
            now,
            fingerprint=handle.fingerprint,
            content=handle.content if handle.digest else None,
            size_bytes=len(handle.content),
            thread=handle.thread,
        )
        self.records.append((handle.pid, record))

    def _close_write(self, handle: _Handle) -> None:
        now, file = self._tick(), handle.file
        if handle.prior_read:
            self._close_read(handle.prior_read, now)
        file.content, file.skewed = handle.content, False
        file.mtime_ns = file.ctime_ns = now - _STAMP_BEFORE_CLOSE_NS
        write = Write(handle.pid, handle.thread, handle.opened_ns, now)
        file.version = self._new_version(
            handle.name, file, now, "written", write=write, digest_known=handle.digest
        )
        record = builders.write(
            handle.pid,
            handle.id,
            handle.name,
            handle.opened_ns,
            now,
            fingerprint=file.fingerprint,
            content=handle.content if handle.digest else None,
            size_bytes=len(handle.content),
            thread=handle.thread,
        )
        self.records.append((handle.pid, record))
