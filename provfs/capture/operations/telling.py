"""What a storage says of an object while an operation is under way: its ETag or its version.

Contract: nothing is asked; what comes back anyway is looked at, in calls that a filesystem makes to
its storage. It counts for the operation under way, in all tasks and threads that belong to it.
Not here: what handles know themselves, see `provfs.capture.operations.remote`.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ETAG_FIELDS = ("ETag", "etag", "md5Hash", "content_md5", "xet_hash", "blob_id", "checksum")
_VERSION_FIELDS = ("VersionId", "version_id", "generation")
_STORING = ("put_object", "complete_multipart_upload", "copy_object")
_GIVING = ("get_object",)

NAMES = ("_call_s3", "call_s3", "_info")
"""Methods that are looked at: those of `s3fs`, and what asynchronous filesystems ask first."""

told: ContextVar[list[Answer] | None] = ContextVar("provfs_told", default=None)
"""All that came back for the operation that is under way."""


class listening:  # noqa: N801 - used as a function is
    """A context in which what a storage says is noted, in the list that it gives."""

    __slots__ = ("_before", "_notes")

    def __enter__(self) -> list[Answer]:
        self._notes: list[Answer] = []
        self._before = told.set(self._notes)
        return self._notes

    def __exit__(self, *_: object) -> None:
        told.reset(self._before)


class Answer(NamedTuple):
    """What came back of a call: `name` is the path of the object, `state` its fingerprint."""

    call: str
    name: str
    state: str | None


def fingerprint_of_details(details: Any, *, versions: bool = True) -> str | None:
    """Return the fingerprint that a listing entry of an object carries, or None; asks nobody.

    Args:
        details: What the storage said.
        versions: Whether the filesystem always names versions: else an object would have two
            fingerprints, one from its own entry and another from a listing.
    """
    if not isinstance(details, dict):
        return None
    for names, tag in ((_VERSION_FIELDS if versions else (), "version"), (_ETAG_FIELDS, "etag")):
        for name in names:
            value = details.get(name)
            if value not in {None, "", "null"}:
                return f"{tag}:{value}"
    return None


def names_versions(fs: Any) -> bool:
    """Say whether a filesystem names the version of each object, where there are versions."""
    return getattr(fs, "version_aware", True) is not False


def wrapper_for(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method that takes note of what comes back."""
    take = _take_details if name == "_info" else _take_answer
    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = await original(self, *args, **kwargs)
            if (notes := told.get()) is not None and isinstance(result, dict):
                take(self, notes, args, kwargs, result)
            return result

    else:

        @wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if (notes := told.get()) is not None and isinstance(result, dict):
                take(self, notes, args, kwargs, result)
            return result

    method.__provfs_original__ = original  # type: ignore[attr-defined] # our own mark on a function
    return method


def _take_answer(
    fs: Any, notes: list[Answer], args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any
) -> None:
    call = args[0] if args else kwargs.get("method")
    if call in _STORING or call in _GIVING:
        result = answer.get("CopyObjectResult")
        details = {**result, **answer} if isinstance(result, dict) else answer
        state = fingerprint_of_details(details, versions=names_versions(fs))
        notes.append(Answer(call, f"{kwargs.get('Bucket')}/{kwargs.get('Key')}", state))


def _take_details(
    fs: Any, notes: list[Answer], args: tuple[Any, ...], kwargs: dict[str, Any], details: Any
) -> None:
    del args, kwargs
    state = fingerprint_of_details(details, versions=names_versions(fs))
    notes.append(Answer("_info", str(details.get("name")), state))


def stored(notes: list[Answer]) -> str | None:
    """Return the fingerprint of the one object that was stored; None where it was not told."""
    return _only(answer for answer in notes if answer.call in _STORING)


def given(notes: list[Answer], name: str | None = None) -> str | None:
    """Return the fingerprint under which content came, of all or of one object; None if untold."""
    return _only(a for a in notes if a.call in _GIVING and name in {None, a.name})


def asked(notes: list[Answer]) -> str | None:
    """Return the fingerprint of the one object that was asked for; None where it was not told."""
    return _only(answer for answer in notes if answer.call == "_info")


def _only(answers: Iterable[Answer]) -> str | None:
    states = {answer.state for answer in answers}
    return states.pop() if len(states) == 1 else None
