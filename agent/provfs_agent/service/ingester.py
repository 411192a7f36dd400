"""The process that takes journals into the log, so that the agent itself never opens it.

Contract: one ingest for each line on standard input, one line of JSON for each on standard output;
ends with its input. It holds the log during an ingest and at no other time. A separate process,
because a process that hashes files must not hold DuckDB's lock, and because a resting agent should
not keep the engine in memory. Not here: when it is asked, see `provfs_agent.service.log_writer`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time

import duckdb

from provfs import config, ingest
from provfs.errors import LogBusyError, ProvfsError
from provfs.ingest.ended import INGESTED
from provfs.log import store

_BUSY_AFTER_S = 5.0


def main() -> int:
    """Serve a home until standard input ends; arguments: its settings, the name of the agent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = config.Settings.from_json(sys.argv[1])
    mine = sys.argv[2]
    engine = store.engine()
    for _ in sys.stdin:
        answer: dict[str, object]
        began_s = time.process_time()
        try:
            report = ingest.ingest(settings, timeout_s=_BUSY_AFTER_S, within=engine)
            answer = {
                "records": report.records,
                "broken": report.broken,
                "cpu_s": time.process_time() - began_s,
                "unreadable": len(report.unreadable),
            }
            _put_aside_complete(settings, mine)
        except LogBusyError as error:
            answer = {"busy": error.message}
        except ProvfsError as error:
            answer = {"error": error.message}
            with contextlib.suppress(duckdb.Error):
                engine.close()
            engine = store.engine()  # a full disk, for one, leaves it unusable
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


def _put_aside_complete(settings: config.Settings, execution: str) -> None:
    """Move the agent's own journals away that are full and taken, while it goes on writing others.

    Ingest moves them only when their writer is over, which for an agent is months later.
    """
    prefix = execution.replace("-", ".") + "."
    directory = settings.journal_directory
    numbers = sorted(
        int(name.split(".")[3]) for name in os.listdir(directory) if name.startswith(prefix)
    )
    if len(numbers) < 2:  # noqa: PLR2004 - the newest one is being written
        return
    with store.reader(settings.log_path) as connection:
        rows = connection.execute(
            "SELECT journal, max(byte_end) FROM store.journals WHERE starts_with(journal, ?)"
            " GROUP BY journal",
            [prefix],
        ).fetchall()
    taken = dict(rows)
    for number in numbers[:-1]:
        path = directory / f"{prefix}{number}.jsonl"
        if taken.get(path.name) == path.stat().st_size:
            (directory / INGESTED).mkdir(mode=0o700, exist_ok=True)
            os.rename(path, directory / INGESTED / path.name)


if __name__ == "__main__":
    sys.exit(main())
