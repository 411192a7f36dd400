"""Serve the numbers of the status to Prometheus, on the loopback interface only.

Contract: opt-in; a thread of its own that reads the last status and nothing else. Source: the text
format of Prometheus, version 0.0.4.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NUMBERS = (
    ("events_total", "events", "counter", "Events taken from back ends"),
    ("records_total", "records", "counter", "Records written to the journal"),
    ("records_lost_total", "lost_records", "counter", "Records that could not be written"),
    ("gaps_total", "gaps", "counter", "Gaps told"),
    ("hashed_bytes_total", "hashed_bytes", "counter", "Bytes hashed"),
    ("hashed_files_total", "hashed_files", "counter", "Files hashed"),
    ("unsettled_total", "unsettled", "counter", "Files that did not stand still to be hashed"),
    ("hash_queue", "hashing", "gauge", "Files that wait to be hashed"),
    ("facts_waiting", "waiting", "gauge", "Settled facts that wait for a digest"),
    ("files_unsettled", "settling", "gauge", "Files that something is happening to"),
    ("catch_up_waiting", "to_look_at", "gauge", "Paths that have to be looked at"),
    ("event_lag_seconds", "lag_s", "gauge", "How late the last event was taken"),
    ("log_age_seconds", "log_age_s", "gauge", "Time since the last ingest"),
    ("resident_bytes", "resident_bytes", "gauge", "Resident memory of the agent"),
)
_OF_ROOTS = (
    ("root_watched", "watched", "gauge", "Whether a root is watched"),
    ("root_lost_total", "lost", "counter", "Events lost below a root"),
    ("root_queue", "queue", "gauge", "Events that wait in the queue of a root"),
    ("root_marks", "marks", "gauge", "Directories that are marked or watched"),
)


def metrics_text(facts: dict[str, Any]) -> str:
    """Return the page for a status."""
    return "\n".join([*_of_agent(facts), *_of_roots(facts), ""])


def _of_agent(facts: dict[str, Any]) -> Iterator[str]:
    for name, key, kind, meaning in _NUMBERS:
        if facts.get(key) is not None:
            yield from _head(name, kind, meaning)
            yield f"provfs_agent_{name} {facts[key]:g}"


def _of_roots(facts: dict[str, Any]) -> Iterator[str]:
    for name, key, kind, meaning in _OF_ROOTS:
        yield from _head(name, kind, meaning)
        for root in facts.get("roots", []):
            if root.get(key) is not None:
                label = root["root"].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
                yield f'provfs_agent_{name}{{root="{label}"}} {int(root[key])}'


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP provfs_agent_{name} {meaning}."
    yield f"# TYPE provfs_agent_{name} {kind}"


class MetricsServer:
    """The endpoint `/metrics`, and `/healthz`, which answers 503 where there are problems.

    Args:
        port: On the loopback interface; 0 for a free one.
        facts: Returns the last status.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, port: int, facts: Callable[[], dict[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = facts()
                if self.path == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4", metrics_text(status))
                elif self.path == "/healthz":
                    problems = status.get("problems", [])
                    code = 503 if problems else 200
                    self._answer(code, "text/plain", "\n".join(problems or ["well"]) + "\n")
                else:
                    self._answer(404, "text/plain", "try /metrics or /healthz\n")

            def _answer(self, code: int, kind: str, text: str) -> None:
                body = text.encode("utf-8", "replace")
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: a line for each scrape is noise."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
