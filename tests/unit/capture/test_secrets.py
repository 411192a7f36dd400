"""What is removed from a command line and from the environment, and what never is."""

from __future__ import annotations

import pytest

from provfs.capture.secrets import remove_secrets
from tests.command_lines import KEPT, REMOVED, SECRET, TOKENS


@pytest.mark.parametrize("command", KEPT)
def test_secrets_leave_ordinary_arguments_alone(command: tuple[str, ...]) -> None:
    """Hyper-parameters, digests, ids, names, paths and code stay as they are."""
    assert remove_secrets(command) == command


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("form", ["{}", "--value={}", "NAME={}", "a,{}", "https://{}@h/x", "'{}'"])
def test_known_tokens_are_removed_wherever_they_stand(token: str, form: str) -> None:
    """A token of a known form is not kept, whatever it is called and whatever is around it."""
    (kept,) = remove_secrets([form.format(token)])

    assert token not in kept
    assert "***" in kept


@pytest.mark.parametrize("command", REMOVED)
def test_secrets_are_removed(command: tuple[str, ...]) -> None:
    """Passwords, keys, credentials in urls and connection strings stand as three stars."""
    cleaned = remove_secrets(command)

    assert not [word for word in cleaned if SECRET in word]
    assert [word for word in cleaned if "***" in word]
    assert len(cleaned) == len(command)


@pytest.mark.parametrize(
    ("command", "cleaned"),
    [
        (("x", "--password", "hunter2", "a"), ("x", "--password", "***", "a")),
        (("x", "--password", "--verbose"), ("x", "--password", "--verbose")),
        (("x", "postgres://me:pw@host/db"), ("x", "postgres://***@host/db")),
        (
            ("x", "https://b.s3/k?X-Amz-Signature=abc&v=1"),
            ("x", "https://b.s3/k?X-Amz-Signature=***&v=1"),
        ),
        (
            ("curl", "-H", "Authorization: Bearer abcdef"),
            ("curl", "-H", "Authorization: Bearer ***"),
        ),
        (("x", "a=1;AccountKey=abc==;b=2"), ("x", "a=1;AccountKey=***;b=2")),
    ],
)
def test_only_the_secret_itself_is_removed(
    command: tuple[str, ...], cleaned: tuple[str, ...]
) -> None:
    """What stands around a secret is kept, so that the command can still be understood."""
    assert remove_secrets(command) == cleaned
