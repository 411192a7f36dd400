"""What people type for an artifact, as the macros of the log understand it.

Contract: looks at the disk and not at the log; loads nothing heavy. Not here: what a name stands
for in the log, see `provfs/log/questions.sql`.
"""

from __future__ import annotations

import os

from provfs.model import uri_of_path


def artifact_name(text: str) -> str:
    """Return what the macros of the log understand for a name that a person typed.

    A path of something on disk, and any absolute or dotted path, becomes the uri of its real path;
    a uri and a suffix stay. `@N` at the end stays in all cases. A directory, and what ends in `/`,
    becomes a name that ends in `/`, and means all that lies below; so do patterns with `*` and `?`.
    """
    name, at, ordinal = text.rpartition("@")
    if not (at and ordinal.isdigit()) or os.path.lexists(text):
        name, at, ordinal = text, "", ""
    name = name.removeprefix("prov::")
    below = "/" if name.endswith("/") or os.path.isdir(name) else ""
    if "://" not in name and (
        os.path.lexists(name) or name.startswith(("/", "./", "../", "~/")) or name == ".."
    ):
        name = uri_of_path(os.path.realpath(os.path.expanduser(name)))
        name = name.rstrip("/") + below
    return f"{name}{at}{ordinal}"
