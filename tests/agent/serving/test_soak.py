"""After any mixture of changes, kills and restarts the log says what is on the disk.

`SOAK_S=120` runs it for two minutes.
"""

import contextlib
import os
import random
import shutil
import sys
import time

import pytest

from provfs import digest
from provfs.model import uri_of_path

SOAK_S = float(os.environ.get("SOAK_S", "5"))
ACTS = 50
"""So many at least, however slow the machine is."""


class Hand:
    """Somebody who makes, changes, moves and removes files without a plan."""

    def __init__(self, root, seed):
        self.root = root
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.done = []

    def act(self):
        """Do one thing."""
        kind = self.random.choices(
            ["write", "append", "replace", "move", "remove", "folder", "move_tree", "remove_tree",
             "same", "touch", "link", "cut"],
            [8, 4, 5, 4, 4, 2, 1, 1, 2, 2, 1, 1],
        )[0]  # fmt: skip
        getattr(self, f"_{kind}")()
        self.done.append(kind)

    def _folders(self):
        return [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]

    def _files(self):
        return [path for path in self.root.rglob("*") if path.is_file()]

    def _any(self, paths):
        return self.random.choice(sorted(paths)) if paths else None

    def _name(self):
        return self._any(self._folders()) / f"f{self.random.randrange(12)}"

    def _content(self):
        return self.random.randbytes(self.random.choice([0, 10, 5000, 300_000]))

    def _write(self):
        path = self._name()
        if not path.is_dir():
            path.write_bytes(self._content())

    def _append(self):
        if path := self._any(self._files()):
            with path.open("ab") as file:
                file.write(self._content())

    def _replace(self):
        path = self._name()
        if not path.is_dir():
            other = path.with_name(f"{path.name}.tmp")
            other.write_bytes(self._content())
            other.replace(path)

    def _move(self):
        path, target = self._any(self._files()), self._name()
        if path and not target.is_dir():
            path.replace(target)

    def _remove(self):
        if path := self._any(self._files()):
            path.unlink()

    def _folder(self):
        (self._any(self._folders()) / f"d{self.random.randrange(4)}").mkdir(exist_ok=True)

    def _move_tree(self):
        path, into = self._any(self._folders()[1:]), self._any(self._folders())
        target = into / f"d{self.random.randrange(4)}"
        if path and not target.exists() and path not in [into, *into.parents]:
            path.rename(target)

    def _remove_tree(self):
        if path := self._any(self._folders()[1:]):
            shutil.rmtree(path)

    def _same(self):
        if path := self._any(self._files()):
            path.write_bytes(path.read_bytes())

    def _touch(self):
        if path := self._any(self._files()):
            os.utime(path)

    def _link(self):
        path, target = self._any(self._files()), self._name()
        if path and not target.exists():
            target.hardlink_to(path)

    def _cut(self):
        if path := self._any(self._files()):
            os.truncate(path, path.stat().st_size // 2)


def _on_disk(root):
    return {
        uri_of_path(str(path)): str(digest.digest_of_bytes(path.read_bytes()))
        for path in root.rglob("*")
        if path.is_file()
    }


def _difference(agent):
    disk, log = _on_disk(agent.root), agent.current()
    return {
        uri: (disk.get(uri), log.get(uri, "nothing"))
        for uri in {*disk, *log}
        if uri not in log or disk.get(uri) != log[uri]
    }


@pytest.mark.parametrize("level", ["auto", "native"])
def test_log_and_disk_agree_after_changes_kills_and_restarts(running, level, eventually):
    """Whatever is killed whenever: in the end every file has its content and no other is there."""
    if sys.platform != "linux":
        pytest.skip("inotify and fanotify are Linux")
    seed = random.randrange(1 << 30)  # noqa: S311
    agent = running(f'level = "{level}"')
    hand = Hand(agent.root, seed)
    kills = 0
    until = time.monotonic() + SOAK_S
    next_kill = time.monotonic() + SOAK_S / 4
    while time.monotonic() < until or len(hand.done) <= ACTS or not kills:
        hand.act()
        if hand.random.random() < 0.2:
            time.sleep(hand.random.choice([0.001, 0.05, 0.2]))
        if time.monotonic() > next_kill:
            agent.kill()
            kills += 1
            for _ in range(hand.random.randrange(30)):
                hand.act()
            agent.start()
            next_kill = time.monotonic() + SOAK_S / 4

    with contextlib.suppress(pytest.fail.Exception):
        eventually(lambda: not _difference(agent), timeout_s=40)
    assert not _difference(agent), f"seed {seed}: {hand.done[-40:]}"
