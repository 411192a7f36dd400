"""Remove secrets from a command line; pure.

Contract: hyper-parameters, file names and digests pass through unchanged; removed are values of
options that name a password, key or token, credentials in urls, signatures in signed urls, and
texts that have the form of a well-known access token. An argument that is removed stands as `***`.
Not here: where the command comes from, see `provfs.capture.execution`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

REMOVED = "***"

_HINTS = (
    "://",
    "?",
    "&",
    "authorization",
    "bearer",
    "akia",
    "asia",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "hf_",
    "sk-",
    "xox",
    "eyj",
    "aiza",
    "ya29.",
    "k_live_",
    "k_test_",
    "npm_",
    "pypi-",
    "dapi",
    "dop_v1_",
    "dckr_pat_",
    "lin_api_",
    "r8_",
    "sg.",
    "shpat_",
    "hvs.",
    "gsk_",
    "nvapi-",
    "xai-",
    "atatt3",
    "tskey-",
    "glrt-",
    "key=",
    "pwd=",
    "password=",
    "private key-----",
)
_SECRET_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "api-key",
    "apikey",
    "access-key",
    "access-key-id",
    "secret-key",
    "secret-access-key",
    "private-key",
    "account-key",
    "auth-key",
    "credential",
    "credentials",
    "api-token",
    "apitoken",
    "auth-token",
    "access-token",
    "hub-token",
    "hf-token",
    "github-token",
    "gitlab-token",
    "bearer-token",
    "refresh-token",
    "session-token",
    "security-token",
    "secret-token",
    "id-token",
    "sas-token",
    "wandb-token",
    "wandb-key",
)
_WELL_KNOWN_FORMS = (
    r"(?<![A-Za-z0-9])(?:A(?:KI|SI)A[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|gl(?:pat|rt)-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{50,}"
    r"|dapi[0-9a-f]{32,}|dop_v1_[A-Za-z0-9]{40,}|dckr_pat_[A-Za-z0-9_-]{20,}"
    r"|lin_api_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{20,}"
    r"|shpat_[A-Za-z0-9]{30,}|hvs\.[A-Za-z0-9_-]{20,}|gsk_[A-Za-z0-9]{40,}"
    r"|nvapi-[A-Za-z0-9_-]{40,}|xai-[A-Za-z0-9]{40,}|ATATT3[A-Za-z0-9_-]{40,}"
    r"|tskey-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|sk-(?:ant-|proj-|svcacct-)[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9_]{20,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*)"
)
_URL_CREDENTIALS = r"(?<=://)[^/@\s:?#]*:[^/@\s]*(?=@)"
_SIGNATURE = (
    r"(?i)(?<=[?&])((?:X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-(?:Signature|Credential)"
    r"|sig|signature|token|access_token|api_key|key)=)[^&#\s]+"
)
_HEADER = (
    r"(?i)\b((?:proxy-)?authorization\s*[:=]\s*(?:(?:bearer|basic|token)\s+)?|bearer\s+)[^\s'\"]+"
)

_CONNECTION = r"(?i)((?:^|;)\s*(?:AccountKey|SharedAccessKey|Password|Pwd)=)[^;]+"
_PRIVATE_KEY = r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*"

_patterns: list[tuple[re.Pattern[str], str]] = []


def remove_secrets(command: Iterable[str]) -> tuple[str, ...]:
    """Return the command with `***` in place of every secret."""
    cleaned: list[str] = []
    value_of_secret = False
    for argument in command:
        if value_of_secret and not _is_option(argument):
            cleaned.append(REMOVED)
            value_of_secret = False
            continue
        name, equals, value = argument.partition("=")
        value_of_secret = _is_option(name) and not equals and _names_a_secret(name, "")
        if equals and value and _names_a_secret(name, value):
            cleaned.append(f"{name}={REMOVED}")
        else:
            cleaned.append(_without_forms(argument))
    return tuple(cleaned)


def _is_option(argument: str) -> bool:
    return argument.startswith("-") and bool(argument[2:]) and not argument[1].isdigit()


def _names_a_secret(name: str, value: str) -> bool:
    """Say whether an option, a `NAME=` or a dotted `section.name=` names something secret."""
    plain = name.lstrip("-+").lower().rpartition(".")[2].replace("_", "-")
    if plain == "token":
        return not value.isdigit()
    return plain.endswith(_SECRET_NAMES) and any(
        plain == secret or plain.endswith("-" + secret) for secret in _SECRET_NAMES
    )


def _without_forms(argument: str) -> str:
    lowered = argument.lower()
    if not any(hint in lowered for hint in _HINTS):
        return argument
    if not _patterns:
        import re  # noqa: PLC0415 - most commands need no patterns, and start-up pays for none

        _patterns.extend(
            (re.compile(text), replacement)
            for text, replacement in (
                (_URL_CREDENTIALS, REMOVED),
                (_SIGNATURE, rf"\1{REMOVED}"),
                (_HEADER, rf"\1{REMOVED}"),
                (_CONNECTION, rf"\1{REMOVED}"),
                (_PRIVATE_KEY, REMOVED),
                (_WELL_KNOWN_FORMS, REMOVED),
            )
        )
    for pattern, replacement in _patterns:
        argument = pattern.sub(replacement, argument)
    return argument
