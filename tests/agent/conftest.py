"""An agent as a real process, and what its log says."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provfs.config import Settings
from provfs.errors import LogError
from provfs.log import store

START_S = 30
AGENT = "from provfs_agent.cli import main; raise SystemExit(main())"


class RunningAgent:
    """An agent that watches one directory, in a home of its own."""

    def __init__(self, home: Path, root: Path, options: str = "") -> None:
        self.home, self.root = home, root
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(f"[agent]\ningest_interval_s = 0.2\n{options}\n")
        self.process = None
        self.cookies = 0

    def start(self, named=True) -> None:
        """Start it and wait until it watches; `named` False leaves the roots to config.toml."""
        roots = [str(self.root)] if named else []
        (self.home / "agent.json").unlink(missing_ok=True)
        with (self.home / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", AGENT),
                    *("watch", *roots, "--home", str(self.home)),
                ],
                stderr=errors,
                stdin=subprocess.DEVNULL,
            )
        until = time.monotonic() + START_S
        while not self.status().get("roots"):
            assert self.process.poll() is None, (self.home / "stderr").read_text()
            assert time.monotonic() < until, "the agent does not start"
            time.sleep(0.02)

    def status(self) -> dict:
        """Return what it said last of itself."""
        try:
            return json.loads((self.home / "agent.json").read_text())
        except (OSError, ValueError):
            return {}

    def kill(self) -> None:
        """End it without a chance to do anything."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it in order and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def ask(self, statement: str) -> list[tuple]:
        """Return the answer of the log as it is."""
        try:
            with store.reader(Settings(self.home).log_path, timeout_s=20) as connection:
                return connection.execute(statement).fetchall()
        except LogError:
            return []

    def catch_up(self, eventually, root=None) -> None:
        """Wait until what happened before now is in the log: a file that is made now, is."""
        self.cookies += 1
        cookie = (root or self.root) / "cookies" / str(self.cookies)
        cookie.parent.mkdir(exist_ok=True)
        cookie.write_text(cookie.name)
        uri = f"file://{cookie}"
        eventually(lambda: self.ask(f"SELECT digest FROM versions WHERE uri = '{uri}'"), 30)

    def edges(self, below: Path) -> set[tuple[str, str, str]]:
        """Return (input, output, rule) of the edges within a directory, by name."""
        rows = self.ask("SELECT input_uri, output_uri, rule FROM edges")
        start = f"file://{below}/"
        return {
            (one.removeprefix(start), other.removeprefix(start), rule)
            for one, other, rule in rows
            if one.startswith(start) and other.startswith(start)
        }

    def current(self) -> dict[str, str | None]:
        """Return digest by uri of what the log says is there."""
        return dict(self.ask("SELECT uri, digest FROM versions WHERE ended_at IS NULL"))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Return a function that makes agents, which are ended with the module."""
    made = []

    def make(options="", start=True):
        folder = Path(os.path.realpath(tmp_path_factory.mktemp("agent")))
        (folder / "watched").mkdir()
        agent = RunningAgent(folder / "home", folder / "watched", options)
        made.append(agent)
        if start:
            agent.start()
        return agent

    yield make
    for agent in made:
        if agent.process is not None:
            agent.stop()
