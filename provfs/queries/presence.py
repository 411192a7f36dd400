"""Look whether contents that the log knows still lie where it last saw them.

Contract: nothing is changed; a file whose fingerprint is still the recorded one is taken as it is,
any other is hashed. Only local files can be looked at. Not here: what is needed for what, see
`provfs/log/remaking.sql`.
"""

from __future__ import annotations

import os
import subprocess

from provfs.digest import fingerprint_of, hash_file
from provfs.model import path_of_uri

PRESENT, CHANGED, MISSING, UNCHECKED = "present", "changed", "missing", "unchecked"


def look(uri: str, digest: str | None, fingerprint: str | None = None) -> str:
    """Return whether the content with this digest lies at a uri: one of the four words.

    `unchecked` where the uri is not of this machine's files, or no digest is known to compare with.
    """
    path = path_of_uri(uri)
    if path is None or digest is None:
        return UNCHECKED
    try:
        state = os.stat(path)
    except OSError:
        return MISSING
    if fingerprint is not None and str(fingerprint_of(state)) == fingerprint:
        return PRESENT
    hashed = hash_file(path)
    return PRESENT if hashed is not None and str(hashed[0]) == digest else CHANGED


def has_commit(directory: str | None, commit: str | None) -> bool:
    """Say whether the repository around a directory holds a commit; False without git."""
    if directory is None or commit is None or not os.path.isdir(directory):
        return False
    try:
        found = subprocess.run(
            ["git", "-C", directory, "cat-file", "-e", f"{commit}^{{commit}}"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return found.returncode == 0
