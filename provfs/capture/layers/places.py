"""What kind of filesystem a class is, and the canonical uri of a path on it.

Contract: a path on a cache has the uri of its origin, a member of an archive one that names the
archive (`zip+s3://bucket/a.zip!/member.csv`), and a directory or adapter passes on to its target.
Nothing is asked of a storage. Not here: what is captured of each kind, see `caches` and `archives`
beside this file.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from provfs.model import uri_of_path

PLAIN = "plain"
LOCAL = "local"
CACHE = "cache"
ARCHIVE = "archive"
PASSING = "passing"
BETWEEN = "between"

_CLASSES = (
    ("fsspec.implementations.cached", "CachingFileSystem", CACHE),
    ("fsspec.archive", "AbstractArchiveFileSystem", ARCHIVE),
    ("fsspec.implementations.dirfs", "DirFileSystem", PASSING),
    ("fsspec.implementations.asyn_wrapper", "AsyncFileSystemWrapper", PASSING),
    ("fsspec.implementations.reference", "ReferenceFileSystem", PASSING),
    ("fsspec.implementations.local", "LocalFileSystem", LOCAL),
    ("fsspec.generic", "GenericFileSystem", BETWEEN),
)
_kinds: dict[type, str] = {}


def kind_of(cls: type) -> str:
    """Return the kind of a filesystem class."""
    kind = _kinds.get(cls)
    if kind is None:
        kind = _kinds[cls] = next((k for m, n, k in _CLASSES if _is_a(cls, m, n)), PLAIN)
    return kind


def _is_a(cls: type, module: str, name: str) -> bool:
    known = getattr(sys.modules.get(module), name, None)
    return known is not None and issubclass(cls, known)


def state_of(fs: Any) -> dict[str, Any]:
    """Return the attributes of a filesystem itself: a cache answers with those of its target."""
    state: dict[str, Any] = object.__getattribute__(fs, "__dict__")
    return state


def uri_of(fs: Any, path: Any) -> str:
    """Return the canonical uri of a path on a filesystem; secrets in it are removed."""
    kind = kind_of(type(fs))
    if kind is LOCAL:
        return uri_of_path(os.path.realpath(fs._strip_protocol(path)))  # noqa: SLF001 - how fsspec itself names a file
    if kind is not PLAIN and (layered := _uri_by_layer(kind, fs, path)) is not None:
        return layered
    uri: str = fs.unstrip_protocol(fs._strip_protocol(path))  # noqa: SLF001 - else one object has two names
    if getattr(fs, "version_aware", False) is True:
        uri = _without_version(uri)
    if uri.startswith("local:///"):  # pyarrow's name for files
        return uri_of_path(os.path.realpath(uri.removeprefix("local://")))
    if "@" in uri or "?" in uri:
        from provfs.capture.secrets import remove_secrets  # noqa: PLC0415 - rare

        uri = remove_secrets((uri,))[0]
    protocol = _protocol_of(fs)
    return uri if protocol not in _HOLDERS else _with_holder(_HOLDERS[protocol], fs, uri)


def _protocol_of(fs: Any) -> str:
    protocol: str = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
    return protocol


_HOLDERS = {
    **dict.fromkeys(("ftp", "sftp", "smb", "hdfs"), "{host}"),
    **dict.fromkeys(("webhdfs", "jupyter"), "{url}"),
    "github": "{org}:{repo}@{root}",
    "gist": "{gist_id}",
    "dbfs": "{instance}",
    "git": "{path}:{ref}@",
}
"""Where the files of a filesystem lie where no path says so, by protocol, from its attributes."""


def _with_holder(form: str, fs: Any, uri: str) -> str:
    """Return a uri that says where it is, too: files of one name lie on many hosts."""
    attributes = {**fs.storage_options, **state_of(fs)}
    try:
        holder = form.format_map(attributes)
    except KeyError:
        return uri
    if "url" in form:
        holder = holder.partition("://")[2].partition("/")[0].rpartition("@")[2]
    port = attributes.get("port") if form == "{host}" else None
    if port and port not in _USUAL_PORTS:
        holder = f"{holder}:{port}"
    scheme, _, path = uri.partition("://")
    return f"{scheme}://{holder}/{path.lstrip('/')}"


_USUAL_PORTS = (21, 22, 445)


def _without_version(uri: str) -> str:
    """Return the uri of an object of which a path names one version, as `s3fs` and `gcsfs` do."""
    name, _, version = uri.rpartition("#")
    return name if version.isdigit() and name else uri.partition("?versionId=")[0]


def container_of(fs: Any) -> tuple[Any, str] | None:
    """Return (filesystem, path) of an archive; None where it came without a name."""
    state = state_of(fs)
    for name in ("of", "_fo_ref", "fo"):
        holder = state.get(name)
        inner, path = getattr(holder, "fs", None), getattr(holder, "path", None)
        if isinstance(path, str) and hasattr(inner, "unstrip_protocol"):
            return inner, path
    return None


def _uri_by_layer(kind: str, fs: Any, path: Any) -> str | None:
    state = state_of(fs)
    if kind is CACHE:
        return uri_of(state["fs"], fs._strip_protocol(path))  # noqa: SLF001 - how fsspec itself names a file
    if kind is ARCHIVE and (container := container_of(fs)) is not None:
        member = fs._strip_protocol(path)  # noqa: SLF001 - how fsspec itself names a file
        return f"{_protocol_of(fs)}+{uri_of(*container)}!/{member.lstrip('/')}"
    if kind is BETWEEN:
        resolve = sys.modules["fsspec.generic"]._resolve_fs  # noqa: SLF001 - how it finds whose a path is
        return uri_of(resolve(path, fs.method, storage_options=fs.st_opts), path)
    if kind is PASSING and "path" in state and "fs" in state:
        return uri_of(state["fs"], fs._join(path))  # noqa: SLF001 - how a directory names what is in it
    if kind is PASSING and "sync_fs" in state:
        return uri_of(state["sync_fs"], path)
    return None
