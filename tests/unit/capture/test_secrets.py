"""What is removed from a command line, and what never is."""

from __future__ import annotations

import pytest

from provfs.capture.secrets import remove_secrets


@pytest.mark.parametrize(
    "command",
    [
        (
            "train.py",
            "--lr",
            "3e-4",
            "--token-dim",
            "64",
            "--tokenizer",
            "bert",
            "--max-tokens",
            "512",
            "--num_tokens=8",
        ),
        (
            "train.py",
            "--pad-token",
            "<pad>",
            "--eos-token=</s>",
            "--key-size",
            "128",
            "--sort-key=date",
            "--passes",
            "3",
        ),
        (
            "x",
            "sk-learn-model-name",
            "disk-0123456789abcdef0123",
            "task-aaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "keyboard.csv",
        ),
        (
            "x",
            "--digest",
            "xxh3-128:6ac97317b324077e6fb30d1f9c5b99b6",
            "d41d8cd98f00b204e9800998ecf8427e",
        ),
        (
            "x",
            "s3://bucket/key.parquet",
            "https://host:8080/a@b",
            "--data=/secret/place.csv",
            "model.key_dim=4",
        ),
    ],
)
def test_secrets_leave_ordinary_arguments_alone(command: tuple[str, ...]) -> None:
    """Hyper-parameters, digests, names and paths stay as they are."""
    assert remove_secrets(command) == command


@pytest.mark.parametrize(
    ("command", "cleaned"),
    [
        (("x", "--password", "hunter2", "a"), ("x", "--password", "***", "a")),
        (("x", "--api-key=abc"), ("x", "--api-key=***")),
        (("x", "--token", "abc"), ("x", "--token", "***")),
        (("x", "--aws_secret_access_key", "abc"), ("x", "--aws_secret_access_key", "***")),
        (("x", "db.password=abc", "--hub_token=q"), ("x", "db.password=***", "--hub_token=***")),
        (("x", "postgres://me:pw@host/db"), ("x", "postgres://***@host/db")),
        (("x", "AKIAABCDEFGHIJKLMNOP"), ("x", "***")),
        (("x", "--x=ghp_" + "a" * 36), ("x", "--x=***")),
        (("x", "hf_" + "B" * 34, "sk-" + "c1" * 20), ("x", "***", "***")),
        (
            ("x", "https://b.s3/k?X-Amz-Signature=abc&v=1"),
            ("x", "https://b.s3/k?X-Amz-Signature=***&v=1"),
        ),
        (
            ("curl", "-H", "Authorization: Bearer abcdef"),
            ("curl", "-H", "Authorization: Bearer ***"),
        ),
        (("x", "--password", "--verbose"), ("x", "--password", "--verbose")),
    ],
)
def test_secrets_are_removed(command: tuple[str, ...], cleaned: tuple[str, ...]) -> None:
    """Passwords, keys, tokens and credentials in urls stand as three stars."""
    assert remove_secrets(command) == cleaned
