"""Places with files in them: a filesystem, bare or wrapped, and a directory that is empty at first.

Contract: `store` and `stored` go around capture, so that what they do is in no journal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from tests.contract.journal import Fact, Journal

A = b"alpha,beta\n" * 10
X = b"in the directory"
Y = b"second"
Z = b"below"
FILES = {"a": A, "d/x": X, "d/y": Y, "d/e/z": Z}
UP = {"u": b"to go up", "w/v": b"up as well"}


@dataclass
class Place:
    """One directory on one filesystem; `fs` is under test, `bare` is the same storage unseen."""

    kind: str
    bare: AbstractFileSystem
    fs: AbstractFileSystem
    root: str
    local: Path
    journal: Journal
    loop: Any = field(default=None)

    def at(self, name: str) -> str:
        """Return the path of a name in the place."""
        return f"{self.root}/{name}"

    def down(self, name: str) -> str:
        """Return the path of a name in the local directory beside the place."""
        return f"{self.local}/{name}"

    def store(self, name: str, content: bytes) -> None:
        """Put content there without capture."""
        if self.kind == "local":
            path = Path(self.at(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        else:
            self.bare.pipe_file(self.at(name), content)
            self.bare.invalidate_cache()

    def stored(self, name: str) -> bytes | None:
        """Return the bytes that lie there, None where nothing does; without capture."""
        self.bare.invalidate_cache()
        if not self.bare.isfile(self.at(name)):
            return None
        if self.kind == "local":
            return Path(self.at(name)).read_bytes()
        content: bytes = self.bare.cat_file(self.at(name))
        return content

    def fill(self) -> None:
        """Put the usual files there and into the local directory, and begin to watch."""
        for name, content in FILES.items():
            self.store(name, content)
        for name, content in UP.items():
            path = self.local / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.fs.invalidate_cache()
        self.journal.mark()

    def facts(self) -> list[Fact]:
        """Return what was recorded since the last call; local names begin with `local:`."""
        roots = {"local": "file://", "memory": "memory://", "s3": "s3://"}
        found = self.journal.facts(roots[self.kind] + self.root)
        beside = f"file://{self.local}/"
        return sorted(
            (fact._replace(name=fact.name.replace(beside, "local:")) for fact in found), key=str
        )
