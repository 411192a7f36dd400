"""Where an execution comes from: main script, git commit beside it, distributed job.

Contract: reads a few small files, starts no process, raises nothing that is not an OSError or
ValueError; every answer is None where it is not known.
Not here: who the execution is, see `provfs.capture.execution`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_SCRIPT_BYTES = 16 << 20
_LARGEST_GIT_FILE_BYTES = 16 << 20


def main_script() -> str | None:
    """Return the absolute path of what this interpreter runs; None for `-c` or a prompt."""
    candidate = getattr(sys.modules.get("__main__"), "__file__", None)
    if not candidate and sys.argv and sys.argv[0] not in {"", "-c", "-m", "-"}:
        candidate = sys.argv[0]
    if not candidate:
        return None
    path = os.path.abspath(candidate)
    return path if os.path.isfile(path) else None


def digest_of_script(path: str) -> str | None:
    """Return the text form of the digest of a script; None where it cannot be read or hashed."""
    try:
        import xxhash  # noqa: PLC0415 - costs 0.2 ms, and a process without a script needs none
    except Exception:  # noqa: BLE001 - an execution without this digest is better than none
        return None
    content = read_small(path, _LARGEST_SCRIPT_BYTES)
    return None if content is None else f"xxh3-128:{xxhash.xxh3_128_hexdigest(content)}"


def git_commit(start: str) -> str | None:
    """Return the commit that is checked out around a directory, read from git's own files.

    Follows `HEAD`, loose and packed references, and the pointer file of worktrees and submodules.
    """
    directory = start
    while True:
        marker = f"{directory}/.git"
        if os.path.isdir(marker):
            return _commit_of(marker)
        if os.path.isfile(marker):
            pointer = _text(marker).removeprefix("gitdir:").strip()
            return _commit_of(os.path.join(directory, pointer)) if pointer else None
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _commit_of(git: str) -> str | None:
    head = _text(f"{git}/HEAD").strip()
    if not head.startswith("ref:"):
        return head or None
    reference = head.removeprefix("ref:").strip()
    shared = _text(f"{git}/commondir").strip()
    common = os.path.join(git, shared) if shared else git
    for place in (git, common):
        if commit := _text(f"{place}/{reference}").strip():
            return commit
    for row in _text(f"{common}/packed-refs").splitlines():
        commit, _, name = row.partition(" ")
        if name.strip() == reference:
            return commit
    return None


def job(environment: Mapping[str, str]) -> tuple[str | None, str | None, int | None]:
    """Return (job system, job key, rank) of a distributed job from its launcher's variables.

    The key is equal for all ranks of one job and differs between jobs.
    """
    get = environment.get
    if run := get("TORCHELASTIC_RUN_ID"):
        key = run if run != "none" else f"{get('MASTER_ADDR')}:{get('MASTER_PORT')}"
        return "torchrun", key, _number(get("RANK"))
    if slurm := get("SLURM_JOB_ID"):
        array, step = get("SLURM_ARRAY_TASK_ID"), get("SLURM_STEP_ID")
        key = "".join((slurm, f"_{array}" if array else "", f".{step}" if step else ""))
        return "slurm", key, _number(get("SLURM_PROCID"))
    if get("OMPI_COMM_WORLD_RANK") is not None:
        return (
            "mpi",
            get("OMPI_MCA_ess_base_jobid") or get("PMIX_NAMESPACE"),
            _number(get("OMPI_COMM_WORLD_RANK")),
        )
    if get("PMI_RANK") is not None:
        return "mpi", get("PMI_JOBID") or get("PMI_KVS") or get("PMI_ID"), _number(get("PMI_RANK"))
    return None, None, None


def read_small(path: str, limit_bytes: int) -> bytes | None:
    """Return the content of a file, by descriptor; None where it is too large or unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        pieces: list[bytes] = []
        left = limit_bytes + 1
        while left > 0 and (piece := os.read(descriptor, min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(pieces) if left > 0 else None


def _text(path: str) -> str:
    return (read_small(path, _LARGEST_GIT_FILE_BYTES) or b"").decode("utf-8", "replace")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
