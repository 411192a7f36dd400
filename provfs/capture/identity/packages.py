"""The installed packages that a process can import, and a digest that names the whole set.

Contract: from the names of the metadata directories alone, which say name and version; no file is
opened and `importlib.metadata` is not imported. The digest covers the sorted lines `name==version`,
joined by newlines, in UTF-8. The first of two installations of one package counts, as it does for
the import. Not here: the project's own modules, see `provfs.capture.identity.code`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PLACES = ("site-packages", "dist-packages")
_METADATA = (".dist-info", ".egg-info")


def installed(path: Iterable[str] | None = None) -> list[str]:
    """Return `name==version` of all packages in the package directories of `sys.path`, sorted."""
    found: dict[str, str] = {}
    for place in sys.path if path is None else path:
        if os.path.basename(place.rstrip("/")) not in _PLACES:
            continue
        try:
            entries = os.listdir(place)
        except OSError:
            continue
        for entry in sorted(entries):
            if entry.endswith(_METADATA):
                name, _, version = entry.rpartition(".")[0].partition("-")
                if version.endswith(f"-py{sys.version_info[0]}.{sys.version_info[1]}"):
                    version = version.rpartition("-py")[0]
                found.setdefault(_plain(name), version)
    return sorted(f"{name}=={version}" for name, version in found.items())


def digest_of(names: Iterable[str]) -> str:
    """Return the text form of the digest of a set of packages."""
    import xxhash  # noqa: PLC0415 - capture has loaded it

    return f"xxh3-128:{xxhash.xxh3_128_hexdigest(chr(10).join(names).encode())}"


def _plain(name: str) -> str:
    """Return the normalised name of a package. Source: packaging.python.org, name normalization."""
    return name.lower().replace("_", "-").replace(".", "-")
