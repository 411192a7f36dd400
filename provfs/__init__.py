"""Lineage of data and model files: what was read before what was written, without tracking calls.

Contract: importing this package is cheap; `wrap` and `ProvenanceFileSystem` are loaded when they
are first used, so that neither fsspec nor DuckDB comes along before. Not here: the commands, see
`provfs.cli`; the errors in full, see `provfs.errors`.
"""

from __future__ import annotations

from provfs.errors import (
    AmbiguousArtifactError,
    CaptureWarning,
    ConfigError,
    IntegrityError,
    JournalError,
    LogBusyError,
    LogError,
    LogNotFoundError,
    LogVersionError,
    ProvfsError,
    QueryError,
    UnknownArtifactError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provfs.capture import ProvenanceFileSystem, wrap
    from provfs.capture.contexts.passing import Context as context  # noqa: N813 - used like a function

__version__ = "0.1.0"

__all__ = [
    "AmbiguousArtifactError",
    "CaptureWarning",
    "ConfigError",
    "IntegrityError",
    "JournalError",
    "LogBusyError",
    "LogError",
    "LogNotFoundError",
    "LogVersionError",
    "ProvenanceFileSystem",
    "ProvfsError",
    "QueryError",
    "UnknownArtifactError",
    "__version__",
    "context",
    "wrap",
]


def load_ipython_extension(shell: object) -> None:
    """Start capture in a notebook: `%load_ext provfs`.

    Raises:
        ConfigError: The home or its configuration cannot be used.
    """
    from provfs.capture.autoload.start import start_in_shell  # noqa: PLC0415 - only in a shell

    start_in_shell(shell)


def __getattr__(name: str) -> object:
    """Load the public names of the capture layer when they are first used (PEP 562)."""
    if name in {"ProvenanceFileSystem", "wrap"}:
        from provfs import capture  # noqa: PLC0415 - most programs that import provfs wrap nothing

        return getattr(capture, name)
    if name == "context":
        from provfs.capture.contexts.passing import Context  # noqa: PLC0415 - likewise

        return Context
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
