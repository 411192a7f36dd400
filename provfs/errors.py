"""The error tree, the exit-code table and the capture warning.

Contract: every error names what failed, on which object, and carries the next step in `hint`.
Library code raises; only `provfs.cli.main` turns an error into text and an exit code. Not here: how
an error is printed, see `provfs.cli.main`.
"""

from __future__ import annotations


class ProvfsError(Exception):
    """Root of all errors that provfs raises on purpose.

    Args:
        message: What failed, on which object, what was observed against what was expected.
        hint: The next step for the person who reads it; empty where there is none.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(ProvfsError):
    """The configuration, an argument or the home directory cannot be used."""

    exit_code = 2


class JournalError(ProvfsError):
    """A journal cannot be read or was written in a format that this version does not know."""


class LogError(ProvfsError):
    """The lineage log cannot be used."""


class LogNotFoundError(LogError, FileNotFoundError):
    """There is no lineage log where one was expected."""

    exit_code = 10


class LogBusyError(LogError):
    """Another process holds the lineage log and did not give it back in time."""

    exit_code = 11


class LogVersionError(LogError):
    """The lineage log was written in a newer format than this version of provfs knows."""


class UnknownArtifactError(ProvfsError):
    """A name given by the user matches no artifact in the log."""


class AmbiguousArtifactError(ProvfsError):
    """A name given by the user matches several artifacts in the log."""


class QueryError(ProvfsError):
    """A SQL statement could not be run."""


class IntegrityError(ProvfsError):
    """Stored facts disagree with each other or with the files."""

    exit_code = 3


class CaptureWarning(UserWarning):
    """Capture lost something or is degraded; given once per cause and process."""
