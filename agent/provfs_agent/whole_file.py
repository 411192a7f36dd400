"""Replace a file as a whole, so that whoever reads it finds the old content or the new.

Contract: where it cannot be written, as on a full disk, the old content stays and nothing is
raised. Readable by this user only.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_whole(path: Path, content: bytes) -> None:
    """Give a file this content."""
    unfinished = path.with_name(f"{path.name}.new")
    with suppress(OSError):
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(unfinished, path)
