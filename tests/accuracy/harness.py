"""Run a case as a user would, and read the answer from the public views of the log.

Contract: a case runs in a directory of its own, through the command line of provfs only; nothing of
provfs is imported here. Uris below the work directory become names relative to it, versions become
`<name>#<ordinal by created_at>`; a uri elsewhere stays as it is and so shows up as wrong.
Not here: what is expected, see `tests.accuracy.table`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from tests.accuracy.cases import Case, Step

_REPOSITORY = Path(__file__).parents[2]
_TIMEOUT_S = 120
_COLLAPSED_LINES = 20
_PROVFS = (sys.executable, "-m", "provfs")


class RunError(AssertionError):
    """A command of a case did not end as the case says; the message holds its output."""


@dataclass
class Observed:
    """What the log answered.

    `edges` maps pairs to (rule, confidence); `versions` counts per artifact; `upstream` is what
    was printed for `Case.collapsed`, where a case asks for it.
    """

    edges: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)
    artifacts: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    upstream: str | None = None


@dataclass
class Comparison:
    """How an answer differs from the labels; empty lists where it does not."""

    case: Case
    observed: Observed
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether the answer is right in everything that the case says."""
        return not (self.missing or self.extra or self.other)

    def __str__(self) -> str:
        lines = [f"case {self.case.name}: {self.case.title}"]
        for kind in ("missing", "extra", "other"):
            found = getattr(self, kind)
            lines += [f"  {kind}: {line}" for line in found[:12]]
            if len(found) > 12:
                lines.append(f"  {kind}: and {len(found) - 12} more")
        return "\n".join(lines)


def missing_package(case: Case) -> str | None:
    """Return the first package that the case needs and this interpreter has not."""
    return next((name for name in case.needs if importlib.util.find_spec(name) is None), None)


def run(case: Case, directory: Path) -> Comparison:
    """Run a case in an empty directory and compare.

    Raises:
        RunError: A step, or provfs itself, ended with another status than expected.
    """
    work, home = directory.resolve() / "work", directory.resolve() / "home"
    work.mkdir()
    for name, content in {**case.files, **case.programs}.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for step in case.steps:
        _run(_command_of(step, home), work, step.status)
    _run((*_PROVFS, "sync", "--home", str(home)), directory, 0)
    observed = observe(home / "lineage.duckdb", work)
    if case.collapsed:
        printed = _run((*_PROVFS, "upstream", "--home", str(home), case.collapsed), work, 0)
        observed.upstream = printed
    return compare(case, observed)


def observe(log_path: Path, work: Path) -> Observed:
    """Read what the log says about the work directory."""
    observed = Observed()
    prefix = f"file://{work}/"
    with duckdb.connect(str(log_path), read_only=True) as connection:
        names: dict[int, str] = {}
        for version_id, uri, complete in connection.execute(
            "SELECT version_id, uri, complete FROM versions ORDER BY created_at, version_id"
        ).fetchall():
            name = uri.removeprefix(prefix)
            observed.versions[name] = observed.versions.get(name, 0) + 1
            names[version_id] = f"{name}#{observed.versions[name]}"
            if not complete:
                observed.incomplete.add(names[version_id])
        for source, source_uri, target, target_uri, rule, confidence in connection.execute(
            "SELECT input_version_id, input_uri, output_version_id, output_uri, rule, confidence"
            " FROM edges"
        ).fetchall():
            pair = (
                names.get(source, f"{source_uri.removeprefix(prefix)}#hidden"),
                names.get(target, f"{target_uri.removeprefix(prefix)}#hidden"),
            )
            if pair in observed.edges:
                msg = f"the view `edges` has two rows for {pair}"
                raise RunError(msg)
            observed.edges[pair] = (rule, float(confidence))
        rows = connection.execute("SELECT uri FROM artifacts").fetchall()
        observed.artifacts = {uri.removeprefix(prefix) for (uri,) in rows}
    return observed


def compare(case: Case, observed: Observed) -> Comparison:
    """Hold an answer against the labels of its case."""
    found = Comparison(case, observed)
    labels = {edge.pair: edge for edge in case.expected}
    for pair, edge in sorted(labels.items()):
        arrow = f"{pair[0]} -> {pair[1]}"
        if pair not in observed.edges:
            if not edge.optional:
                found.missing.append(f"{arrow} ({'|'.join(edge.rules)})")
            continue
        rule, confidence = observed.edges[pair]
        if rule not in edge.rules:
            found.other.append(f"{arrow}: rule {rule}, expected {'|'.join(edge.rules)}")
        elif edge.confidence is not None and abs(edge.confidence - confidence) > 1e-6:
            found.other.append(f"{arrow}: confidence {confidence:g}, expected {edge.confidence:g}")
    for pair in sorted(observed.edges.keys() - labels.keys()):
        rule, confidence = observed.edges[pair]
        found.extra.append(f"{pair[0]} -> {pair[1]} ({rule} {confidence:g})")
    found.other += [*_wrong_artifacts(case, observed), *_wrong_upstream(case, observed)]
    return found


def _wrong_artifacts(case: Case, observed: Observed) -> Iterator[str]:
    for name in sorted(case.artifacts - observed.artifacts):
        yield f"no artifact {name}"
    for name in sorted(observed.artifacts - case.artifacts):
        yield f"unexpected artifact {name}"
    for name in sorted(case.absent & observed.artifacts):
        yield f"trace of {name} among artifacts"
    for name, count in case.versions.items():
        if observed.versions.get(name, 0) != count:
            yield f"{observed.versions.get(name, 0)} versions of {name}, expected {count}"
    if case.incomplete != observed.incomplete:
        yield f"incomplete: {sorted(observed.incomplete)}, expected {sorted(case.incomplete)}"


def _wrong_upstream(case: Case, observed: Observed) -> Iterator[str]:
    if observed.upstream is None:
        return
    count = len(observed.upstream.splitlines())
    if count > _COLLAPSED_LINES:
        yield f"upstream of {case.collapsed} takes {count} lines"
    if case.collapsed_as and not re.search(case.collapsed_as, observed.upstream):
        yield f"upstream of {case.collapsed} does not match {case.collapsed_as}"


def _command_of(step: Step, home: Path) -> tuple[str, ...]:
    words = tuple(word.replace("{python}", sys.executable) for word in step.command)
    if words[0] == "python":
        words = (sys.executable, *words[1:])
    return (*_PROVFS, "run", "--home", str(home), "--", *words) if step.captured else words


def _run(command: tuple[str, ...], directory: Path, status: int) -> str:
    """Run one command without the environment of a capture around the tests; return its output."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PROVFS_")
    }
    path = os.pathsep.join(filter(None, (str(_REPOSITORY), environment.get("PYTHONPATH"))))
    done = subprocess.run(
        command,
        cwd=directory,
        env={**environment, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode != status:
        said = f"{done.stdout}{done.stderr}"
        msg = f"{' '.join(command)} ended with {done.returncode}, expected {status}\n{said}"
        raise RunError(msg)
    return done.stdout
